import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import path from 'node:path'
import { objectNames } from '../../src/core/artifact.ts'
import type { ErrorCode } from '../../src/core/errors.ts'
import { createFaultyTarget, type Fault, type FaultRule } from '../../src/engine/targets/faulty-target.ts'
import { createLocalDirTarget } from '../../src/engine/targets/local-dir/local-dir-target.ts'
import { createMemoryTarget } from '../../src/engine/targets/memory/memory-target.ts'
import type { Target } from '../../src/engine/targets/target.ts'
import { runBackup, verifyRun } from '../support/engine.ts'
import { expectNextRunWhole, failureOf, listedOf, nameOf, putsOf, remainsOf, writeThreePartTree } from '../support/faulty-runs.ts'
import { scale } from '../support/scale.ts'
import { seed, seededRandom } from '../support/seed.ts'
import { temporaryFolder } from '../support/temporary-folder.ts'

let folder: AsyncDisposable & { readonly path: string }
let source: string
let names: string[]
let allBytes: number

beforeAll(async () => {
  folder = await temporaryFolder()
  source = writeThreePartTree(path.join(folder.path, 'source'))
  ;({ names, bytes: allBytes } = await putsOf(source))
})
afterAll(() => folder[Symbol.asyncDispose]())

const failing: { title: string; fault: Fault; code: ErrorCode }[] = [
  { title: 'is refused', fault: { kind: 'error', code: 'target_unreachable' }, code: 'target_unreachable' },
  { title: 'is stored but not answered', fault: { kind: 'lost_answer', code: 'target_timeout' }, code: 'target_timeout' },
  { title: 'breaks off', fault: { kind: 'cut', withinBytes: 2 ** 20 }, code: 'target_unreachable' },
  { title: 'is said to be larger than it is', fault: { kind: 'wrong_size', byBytes: 1 }, code: 'target_rejected' },
]

describe('a backup of which one object', () => {
  test.for(failing)('$title fails, is no artifact, and leaves nothing of its run', async ({ fault, code }) => {
    expect(names).toEqual([
      'bastion-target.json',
      objectNames.run,
      ...['1', '2', '3'].map((n) => `payload.part00000${n}`),
      objectNames.index,
      objectNames.manifest,
      objectNames.restoreNotes,
      objectNames.complete,
    ])
    const inner = createMemoryTarget()
    for (const name of names) {
      // What is told of the identity's own put does not count: it is read again.
      if (name === names[0] && fault.kind === 'wrong_size') continue
      expect(await failureOf(faulty(inner, [{ fault, ...onPutOf(name) }]), source), name).toBe(code)
      expect(await remainsOf(inner), `left by the failure of ${name}`).toEqual([])
    }
    await expectNextRunWhole(inner, source)
  })

  test('cannot be stored and cannot be cleaned up either stays without a marker, and is not listed', async () => {
    const inner = createMemoryTarget()
    const unreachable: Fault = { kind: 'error', code: 'target_unreachable' }
    for (const name of names.slice(2)) {
      const cleanup = (['remove', 'removeTree', 'list'] as const).map((method): FaultRule => ({ fault: unreachable, method }))
      expect(await failureOf(faulty(inner, [{ fault: unreachable, ...onPutOf(name) }, ...cleanup]), source)).toBe('target_unreachable')
      const left = await remainsOf(inner)
      expect(left).toContain(objectNames.run)
      expect(left).not.toContain(objectNames.complete)
      expect(await listedOf(inner)).toEqual([])
    }
    await expectNextRunWhole(inner, source)
  })

  test('is the marker, stored but not answered, and cannot be removed again is a whole artifact', async () => {
    const inner = createMemoryTarget()
    const rules: FaultRule[] = [
      { fault: { kind: 'lost_answer', code: 'target_timeout' }, ...onPutOf(objectNames.complete) },
      { fault: { kind: 'error', code: 'target_timeout' }, method: 'remove' },
    ]
    expect(await failureOf(faulty(inner, rules), source)).toBe('target_timeout')
    const [listed] = await listedOf(inner)
    const [runId] = listed!.split(' ')
    expect(await verifyRun({ target: inner, ref: { jobId: 'test-job', runId: runId! } })).toMatchObject({ ok: true })
  })

  test('was lost in part by a target that says nothing is found out before it counts, and nothing is left', async () => {
    const inner = createMemoryTarget()
    for (const name of names.slice(1)) {
      const rule: FaultRule = { fault: { kind: 'cut', afterBytes: 50, silently: true }, ...onPutOf(name) }
      expect(await failureOf(faulty(inner, [rule]), source), name).toBe('target_rejected')
      expect(await remainsOf(inner), `left by the loss of ${name}`).toEqual([])
    }
    await expectNextRunWhole(inner, source)
  })
})

test('a backup to a target that takes no more than so many bytes fails with target_full and leaves nothing, wherever that is', async () => {
  const random = seededRandom()
  const nearTheEnd = [1, 300, 1_500, 4_000].map((bytes) => allBytes - bytes)
  const spread = Array.from({ length: scale(4, 40) }, () => Math.floor(random() * allBytes))
  for (const fullAfterBytes of [0, ...spread, ...nearTheEnd]) {
    const inner = createMemoryTarget()
    expect(await failureOf(createFaultyTarget(inner, { fullAfterBytes }), source), `${fullAfterBytes} bytes`).toBe('target_full')
    expect(await remainsOf(inner)).toEqual([])
  }
})

describe('on a local directory', () => {
  const flushes = [
    { nth: 1, title: 'before the marker' },
    { nth: 2, title: 'after the marker' },
  ]
  test.for(flushes)('a flush that fails $title takes the whole run back', async ({ nth }) => {
    await using place = await temporaryFolder()
    const inner = createLocalDirTarget({ path: path.join(place.path, 'target') })
    const target = faulty(inner, [{ fault: { kind: 'error', code: 'target_unreachable' }, method: 'flush', from: nth }])
    expect(await failureOf(target, source)).toBe('target_unreachable')
    expect(await remainsOf(inner)).toEqual([])
    await expectNextRunWhole(inner, source)
  })
})

test('a target whose identity cannot be read is not written to', async () => {
  for (const fault of [
    { kind: 'error', code: 'target_unreachable' },
    { kind: 'cut', afterBytes: 10 },
  ] satisfies Fault[]) {
    const inner = createMemoryTarget()
    await runBackup({ target: inner, sources: [source] })
    const before = await remainsOf(inner)
    expect(await failureOf(faulty(inner, [{ fault, method: 'get' }]), source)).toBe('target_unreachable')
    expect(await remainsOf(inner)).toEqual(before)
  }
})

function faulty(inner: Target, rules: FaultRule[]): Target {
  return createFaultyTarget(inner, { rules, seed })
}

function onPutOf(name: string): Pick<FaultRule, 'method' | 'key'> {
  return { method: 'put', key: (key) => nameOf(key) === name }
}
