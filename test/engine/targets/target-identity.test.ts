import { readdir } from 'node:fs/promises'
import path from 'node:path'
import { describe, expect, test } from 'vitest'
import { targetIdentityKey } from '../../../src/core/artifact.ts'
import { createCountingTarget } from '../../../src/engine/targets/counting-target.ts'
import { createFaultyTarget } from '../../../src/engine/targets/faulty-target.ts'
import { createLocalDirTarget } from '../../../src/engine/targets/local-dir/local-dir-target.ts'
import { createMemoryTarget } from '../../../src/engine/targets/memory/memory-target.ts'
import { passOn } from '../../../src/engine/targets/pass-on.ts'
import { readObject } from '../../../src/engine/targets/read-object.ts'
import { establishIdentity, proveIdentity } from '../../../src/engine/targets/target-identity.ts'
import type { Target } from '../../../src/engine/targets/target.ts'
import { temporaryFolder } from '../../support/temporary-folder.ts'

const nowMs = 1_763_690_000_123
const refused = { code: 'target_identity', retryable: false }

function counted(): ReturnType<typeof createCountingTarget> {
  return createCountingTarget(createMemoryTarget())
}

describe('establishIdentity', () => {
  test('gives a target that is used for the first time an identity, once', async () => {
    const target = counted()
    const identity = { v: 1, target_id: 'one', created_at: nowMs }
    expect(await establishIdentity(target, { newTargetId: 'one', nowMs })).toEqual(identity)
    const stored = Buffer.from(await readObject(target, targetIdentityKey, { maxBytes: 1000 })).toString()
    expect(JSON.parse(stored)).toEqual(identity)
    expect(await establishIdentity(target, { newTargetId: 'two', nowMs: nowMs + 1 })).toEqual(identity)
    expect(await establishIdentity(target, { expectedTargetId: 'one', newTargetId: 'two', nowMs })).toEqual(identity)
    expect(target.counts.of('put').requests).toBe(1)
  })

  test('writes nothing where another identity is known: neither when there is none nor when it differs', async () => {
    const target = counted()
    await expect(establishIdentity(target, { expectedTargetId: 'known', newTargetId: 'new', nowMs })).rejects.toMatchObject(refused)
    await establishIdentity(target, { newTargetId: 'other', nowMs })
    await expect(establishIdentity(target, { expectedTargetId: 'known', newTargetId: 'new', nowMs })).rejects.toMatchObject(refused)
    expect(target.counts.of('put').requests).toBe(1)
  })

  test('does not even make the folder of a disk that is not mounted', async () => {
    await using folder = await temporaryFolder()
    const target = createLocalDirTarget({ path: path.join(folder.path, 'disk') })
    await expect(establishIdentity(target, { expectedTargetId: 'known', newTargetId: 'new', nowMs })).rejects.toMatchObject(refused)
    await expect(proveIdentity(target)).rejects.toMatchObject(refused)
    expect(await readdir(folder.path)).toEqual([])
  })

  test('of many at once on one folder gives all the same identity', async () => {
    await using folder = await temporaryFolder()
    const targets = Array.from({ length: 20 }, () => createLocalDirTarget({ path: path.join(folder.path, 'backups') }))
    const identities = await Promise.all(targets.map((target, i) => establishIdentity(target, { newTargetId: `id-${i}`, nowMs })))
    expect(new Set(identities.map(({ target_id }) => target_id)).size).toBe(1)
    expect(await readdir(path.join(folder.path, 'backups'))).toEqual([targetIdentityKey])
  })

  test('believes what stands there, also where the place lets two writers through', async () => {
    const memory = createMemoryTarget()
    const careless: Target = {
      ...passOn(memory),
      features: {},
      put: async (key, body) => {
        const result = await memory.put(key, body)
        await memory.put(key, Buffer.from(JSON.stringify({ v: 1, target_id: 'the later one', created_at: nowMs })))
        return result
      },
    }
    expect(await establishIdentity(careless, { newTargetId: 'the earlier one', nowMs })).toMatchObject({ target_id: 'the later one' })
  })

  test('notices a place that says it stored it and did not', async () => {
    const liar: Target = { ...passOn(createMemoryTarget()), put: async () => ({ sizeBytes: 1 }) }
    await expect(establishIdentity(liar, { newTargetId: 'one', nowMs })).rejects.toMatchObject(refused)
  })

  test('does not take a place that cannot be asked for one without identity', async () => {
    const memory = createMemoryTarget()
    const unreachable = createFaultyTarget(memory, { rules: [{ fault: { kind: 'error', code: 'target_unreachable' }, method: 'get' }] })
    await expect(establishIdentity(unreachable, { newTargetId: 'one', nowMs })).rejects.toMatchObject({ code: 'target_unreachable' })
    expect(await memory.stat(targetIdentityKey)).toBeNull()
  })
})

describe('an identity that cannot be understood', () => {
  const damaged: [string, string | Buffer][] = [
    ['empty', ''],
    ['cut', '{"v":1,"target_id":"on'],
    ['no JSON', 'hello'],
    ['no object', 'null'],
    ['not UTF-8', Buffer.from([0x22, 0xff, 0x22])],
    ['of a later version', '{"v":2,"target_id":"one","created_at":1}'],
    ['without an id', '{"v":1,"target_id":"","created_at":1}'],
    ['huge', ' '.repeat(10_000_000)],
  ]

  test.each(damaged)('(%s) is refused and left as it is, expected or not', async (_, content) => {
    const target = counted()
    await target.put(targetIdentityKey, Buffer.from(content))
    target.counts.reset()
    for (const expectedTargetId of [undefined, 'one']) {
      await expect(establishIdentity(target, { expectedTargetId, newTargetId: 'new', nowMs })).rejects.toMatchObject(refused)
      await expect(proveIdentity(target, expectedTargetId)).rejects.toMatchObject(refused)
    }
    expect(target.counts.of('put').requests).toBe(0)
    expect(target.counts.of('get').bytes).toBeLessThan(1_000_000)
  })
})

describe('proveIdentity', () => {
  test('reads, and writes nothing', async () => {
    const target = counted()
    await expect(proveIdentity(target)).rejects.toMatchObject(refused)
    await expect(proveIdentity(target, 'one')).rejects.toMatchObject(refused)
    expect(target.counts.of('put').requests).toBe(0)
    await establishIdentity(target, { newTargetId: 'one', nowMs })
    expect(await proveIdentity(target)).toMatchObject({ target_id: 'one' })
    expect(await proveIdentity(target, 'one')).toMatchObject({ target_id: 'one' })
    await expect(proveIdentity(target, 'two')).rejects.toMatchObject({ ...refused, message: expect.stringMatching(/one.*two/) })
  })
})
