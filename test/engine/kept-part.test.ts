import { describe, expect, test } from 'vitest'
import { createKeptPart } from '../../src/engine/pipeline/kept-part.ts'
import { createPartsWriter, requirePartSize } from '../../src/engine/pipeline/parts-writer.ts'
import { createFaultyTarget, type FaultRule } from '../../src/engine/targets/faulty-target.ts'
import { createMemoryTarget } from '../../src/engine/targets/memory/memory-target.ts'
import { passOn } from '../../src/engine/targets/pass-on.ts'
import { createRetryingTarget } from '../../src/engine/targets/retrying-target.ts'
import type { Target } from '../../src/engine/targets/target.ts'
import { runBackup, verifyRun } from '../support/engine.ts'
import { writeThreePartTree } from '../support/faulty-runs.ts'
import { seed } from '../support/seed.ts'
import { temporaryFolder } from '../support/temporary-folder.ts'

const mebibyte = 2 ** 20
const signal = new AbortController().signal

/** A place that leaves trying again to whoever puts, and that is tried again at once. */
function retried(inner: Target, rules: readonly FaultRule[]): Target {
  return createRetryingTarget(createFaultyTarget(inner, { rules, seed }), {
    // More tries than any seed takes.
    policy: { attempts: 100, firstDelayMs: 0, maxDelayMs: 0, giveUpAfterMs: Infinity },
    clock: { now: () => 0 },
    sleep: async () => {},
    random: () => 0,
  })
}

describe('a part that is kept', () => {
  test('gives all its bytes to each reader, those too that come while it is read', async () => {
    const part = createKeptPart()
    part.add(Buffer.from('one '))
    const first = part[Symbol.asyncIterator]()
    expect(await first.next()).toMatchObject({ value: Buffer.from('one ') })
    const second = readAll(part)
    part.add(Buffer.from('two '))
    part.end()
    expect((await second).toString()).toBe('one two ')
    await expect(first.next()).rejects.toThrow('read anew')
    expect((await readAll(part)).toString()).toBe('one two ')
  })

  test('ends its readers with the error it was given', async () => {
    const part = createKeptPart()
    const reading = readAll(part)
    part.fail(new Error('given up'))
    await expect(reading).rejects.toThrow('given up')
  })
})

describe('parts for a target that holds no pieces', () => {
  test('never take more than 128 MiB together, the one being filled included', async () => {
    const held: (() => void)[] = []
    let parts = 0
    const slow: Target = {
      ...passOn(createMemoryTarget()),
      features: {},
      async put(_key, body) {
        parts += 1
        let sizeBytes = 0
        if (!(body instanceof Uint8Array)) for await (const chunk of body) sizeBytes += chunk.byteLength
        await new Promise<void>((resolve) => held.push(resolve))
        return { sizeBytes }
      },
    }
    const writer = createPartsWriter({ target: slow, prefix: 'p', partSizeBytes: 32 * mebibyte, signal, onPart: () => {} })
    let givenBytes = 0
    let ended = false
    const writing = (async () => {
      for (; givenBytes < 320 * mebibyte; givenBytes += 4 * mebibyte) await writer.write(new Uint8Array(4 * mebibyte))
      await writer.end()
      ended = true
    })()
    for (let stored = 0; !ended;) {
      await new Promise((resolve) => setTimeout(resolve, 5))
      expect(givenBytes - stored * 32 * mebibyte).toBeLessThanOrEqual(128 * mebibyte)
      if (held.length > 0) {
        stored += 1
        held.shift()!()
      }
    }
    await writing
    expect(parts).toBe(10)
  })

  test('are refused when two of them do not fit', () => {
    const target: Target = { ...passOn(createMemoryTarget()), features: {} }
    expect(() => requirePartSize(target, 65 * mebibyte)).toThrow(expect.objectContaining({ code: 'invalid_spec' }))
    expect(() => requirePartSize(target, 64 * mebibyte)).not.toThrow()
    expect(() => requirePartSize(createMemoryTarget(), 256 * mebibyte)).not.toThrow()
  })

  test('and the index with them, are sent again after passing failures: the backup is whole', async () => {
    await using folder = await temporaryFolder()
    const source = writeThreePartTree(`${folder.path}/source`)
    const memory = createMemoryTarget()
    const target = retried(memory, [
      { method: 'put', fault: { kind: 'cut', withinBytes: 900_000 }, probability: 0.5 },
      { method: 'put', fault: { kind: 'error', code: 'target_timeout' }, probability: 0.2 },
    ])
    const run = await runBackup({ target, sources: [source] })
    expect(run.outcome.manifest.artifacts.length).toBe(3)
    expect(await verifyRun({ ...run, target: memory })).toMatchObject({ ok: true, damaged: { total: 0 } })
  })
})

async function readAll(chunks: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const all: Uint8Array[] = []
  for await (const chunk of chunks) all.push(chunk)
  return Buffer.concat(all)
}
