import { readdirSync, readlinkSync } from 'node:fs'
import path from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createFaultyTarget } from '../../src/engine/targets/faulty-target.ts'
import { createLocalDirTarget } from '../../src/engine/targets/local-dir/local-dir-target.ts'
import { createMemoryTarget } from '../../src/engine/targets/memory/memory-target.ts'
import { sleep } from '../../src/engine/targets/sleep.ts'
import type { Target } from '../../src/engine/targets/target.ts'
import { createThrottledTarget } from '../../src/engine/targets/throttled-target.ts'
import { createTokenBucket } from '../../src/engine/targets/token-bucket.ts'
import type { SourceItem } from '../../src/engine/sources/source.ts'
import { packPrepared, runBackup } from '../support/engine.ts'
import { expectNextRunWhole, failureOf, nameOf, putsOf, remainsOf, writeThreePartTree } from '../support/faulty-runs.ts'
import { filesBelow } from '../support/look-at-process.ts'
import { temporaryFolder } from '../support/temporary-folder.ts'

let folder: AsyncDisposable & { readonly path: string }
let source: string
let names: string[]

beforeAll(async () => {
  folder = await temporaryFolder()
  source = writeThreePartTree(path.join(folder.path, 'source'))
  ;({ names } = await putsOf(source))
})
afterAll(() => folder[Symbol.asyncDispose]())

describe('a backup that is aborted', () => {
  test('while an object stalls at the target ends, and leaves nothing', async () => {
    const inner = createMemoryTarget()
    for (const name of names) {
      const stop = new AbortController()
      const stalling = createFaultyTarget(inner, {
        rules: [
          {
            fault: { kind: 'stall', ...(name.startsWith('payload.') && { afterBytes: 100_000 }) },
            method: 'put',
            key: (key) => nameOf(key) === name,
          },
        ],
      })
      const target = watchPuts(stalling, (key) => nameOf(key) === name && setImmediate(() => stop.abort()))
      expect(await failureOf(target, source, stop.signal), name).toBe('canceled')
      expect(target.openPuts(), name).toEqual([])
      expect(await remainsOf(inner), `left by the abort at ${name}`).toEqual([])
    }
    await expectNextRunWhole(inner, source)
  })

  test('while the identity of the target stalls ends', async () => {
    const stop = new AbortController()
    const target = createFaultyTarget(createMemoryTarget(), { rules: [{ fault: { kind: 'stall' }, method: 'get' }] })
    setTimeout(() => stop.abort(), 50)
    expect(await failureOf(target, source, stop.signal)).toBe('canceled')
  })

  test('with parts in flight leaves no file in the directory, open or closed', async () => {
    await using place = await temporaryFolder()
    const root = path.join(place.path, 'target')
    const inner = createLocalDirTarget({ path: root })
    for (let part = 1; part <= 3; part++) {
      const stop = new AbortController()
      // Slow enough that the next part is on its way when one is stored.
      const bucket = createTokenBucket({ bytesPerSecond: 20 * 2 ** 20, clock: { now: () => Date.now() }, sleep })
      const target = watchPuts(
        createThrottledTarget(inner, { put: bucket }),
        (key) => nameOf(key) === `payload.part00000${part}` && setTimeout(() => stop.abort(), 10),
      )
      expect(await failureOf(target, source, stop.signal)).toBe('canceled')
      expect(target.openPuts()).toEqual([])
      expect((await filesBelow(root)).map((file) => path.basename(file))).toEqual(['bastion-target.json'])
      expect(openFilesBelow(root)).toEqual([])
    }
    await expectNextRunWhole(inner, source)
  })

  test('before it began writes nothing', async () => {
    const inner = createMemoryTarget()
    expect(await failureOf(inner, source, AbortSignal.abort())).toBe('canceled')
    expect(await objectsIn(inner)).toBe(0)
  })

  test('when its marker stands has succeeded', async () => {
    const stop = new AbortController()
    const inner = createLocalDirTarget({ path: path.join(folder.path, 'succeeded') })
    // The flush after the marker is the second.
    let flushes = 0
    const target: Target = { ...inner, flush: async (prefix) => (++flushes === 2 ? stop.abort() : await inner.flush!(prefix)) }
    const run = await runBackup({ target, sources: [source], signal: stop.signal })
    expect(stop.signal.aborted).toBe(true)
    expect(run.outcome.status).toBe('success')
  })
})

test('a source that fails while parts are in flight ends them, and none is begun afterwards', async () => {
  await using place = await temporaryFolder()
  const root = path.join(place.path, 'target')
  const target = watchPuts(createLocalDirTarget({ path: root }), () => {})
  const failure = new Error('the source broke')
  const breaking = {
    *entries(): Generator<SourceItem> {
      const physical = path.join(source, 'large.bin')
      const entry = { physical, kind: 'file', sizeBytes: 2_400_000, stat: null, linkCount: 1, followed: false, frozen: false } as const
      for (const name of ['a', 'b', 'c']) yield { entry: { ...entry, path: name } }
      throw failure
    },
    coverage: () => [],
    [Symbol.asyncDispose]: async () => {},
  }
  await expect(packPrepared(breaking, { target })).rejects.toBe(failure)
  expect(target.openPuts()).toEqual([])
  const begun = target.begun
  await new Promise((resolve) => setTimeout(resolve, 100))
  expect(target.begun).toBe(begun)
  expect((await filesBelow(root)).filter((file) => file.endsWith('.tmp'))).toEqual([])
  expect(openFilesBelow(root)).toEqual([])
})

/** The same target, and which puts have not come to their end. */
function watchPuts(inner: Target, onPut: (key: string) => unknown): Target & { openPuts(): string[]; readonly begun: number } {
  const open = new Set<string>()
  let begun = 0
  return {
    ...inner,
    async put(key, body, options) {
      begun += 1
      open.add(key)
      onPut(key)
      try {
        return await inner.put(key, body, options)
      } finally {
        open.delete(key)
      }
    },
    openPuts: () => [...open],
    get begun() {
      return begun
    },
  }
}

async function objectsIn(target: Target): Promise<number> {
  let count = 0
  for await (const _ of target.list('', { recursive: true })) count += 1
  return count
}

/** What this process has open below a folder. */
function openFilesBelow(root: string): string[] {
  return readdirSync('/proc/self/fd').flatMap((fd) => {
    try {
      const name = readlinkSync(`/proc/self/fd/${fd}`)
      return name.startsWith(`${root}/`) ? [name] : []
    } catch {
      return [] // the one that lists them
    }
  })
}
