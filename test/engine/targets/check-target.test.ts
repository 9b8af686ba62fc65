import { describe, expect, test } from 'vitest'
import { BastionError } from '../../../src/core/errors.ts'
import { checkTarget, type CheckedCase } from '../../../src/engine/targets/check-target.ts'
import { confinedTarget } from '../../../src/engine/targets/confined-target.ts'
import { targetContract } from '../../../src/engine/targets/contract.ts'
import { createFaultyTarget } from '../../../src/engine/targets/faulty-target.ts'
import { createLocalDirTarget } from '../../../src/engine/targets/local-dir/local-dir-target.ts'
import { createMemoryTarget } from '../../../src/engine/targets/memory/memory-target.ts'
import { passOn } from '../../../src/engine/targets/pass-on.ts'
import type { Target } from '../../../src/engine/targets/target.ts'
import { temporaryFolder } from '../../support/temporary-folder.ts'

const { signal } = new AbortController()
const others = ['bastion-target.json', 'docs/run/complete.json', 'bastion_check_older/0/object']

/** Holds what is somebody's. */
async function usedTarget(): Promise<Target> {
  const target = createMemoryTarget()
  for (const key of others) await target.put(key, Buffer.from(key))
  return target
}

async function keysOf(target: Target): Promise<string[]> {
  const keys: string[] = []
  for await (const { key } of target.list('', { recursive: true })) keys.push(key)
  return keys.toSorted()
}

function failed(cases: readonly CheckedCase[]): string[] {
  return cases.filter(({ status }) => status === 'failed').map(({ name }) => name)
}

/** A target that keeps no promise about its keys: it takes them as they come, and notes which it was to change. */
function gullible(): { target: Target; changed: string[] } {
  const changed: string[] = []
  const inner = createMemoryTarget()
  return {
    changed,
    target: {
      ...passOn(inner),
      put: async (key, _body, { sizeBytes = 0 } = {}) => (changed.push(key), { sizeBytes }),
      remove: async (key) => void changed.push(key),
      removeTree: async (key) => (changed.push(key), { objects: 0 }),
    },
  }
}

describe('a check', () => {
  test.each<[string, () => Promise<{ target: Target } & AsyncDisposable>]>([
    ['memory', async () => ({ target: await usedTarget(), async [Symbol.asyncDispose]() {} })],
    [
      'a folder',
      async () => {
        const folder = await temporaryFolder()
        const target = createLocalDirTarget({ path: folder.path })
        for (const key of others) await target.put(key, Buffer.from(key))
        return { target, [Symbol.asyncDispose]: () => folder[Symbol.asyncDispose]() }
      },
    ],
  ])('of %s finds every promise kept, tells of each as it comes, and leaves what was there', async (_, open) => {
    await using place = await open()
    const told: CheckedCase[] = []
    const check = await checkTarget(place.target, { signal, onCase: (checked) => void told.push(checked) })
    expect(check).toMatchObject({ ok: true, cases: told })
    expect(told.length).toBe(targetContract.length)
    expect(failed(told)).toEqual([])
    expect(await keysOf(place.target)).toEqual(others.toSorted())
  })

  test('says which promises are not claimed, and what it means', async () => {
    const target: Target = { ...passOn(await usedTarget()), features: { durablePut: true } }
    const { ok, cases, advice } = await checkTarget(target, { signal })
    expect(ok).toBe(true)
    expect(cases).toContainEqual({ name: 'a range is read as asked, and ends with the object', status: 'not_claimed', needs: ['rangeReads'] })
    expect(advice.map(({ feature }) => feature)).toEqual(['atomicPut', 'rangeReads', 'streamingPut', 'holdsPieces', 'realTree', 'conditionalPut'])
    for (const { meaning } of advice) expect(meaning).toMatch(/\.$/)
  })

  test.each<[string, (inner: Target) => Partial<Target>, string]>([
    [
      'gives other bytes than it was given',
      (inner) => ({ put: (key, body, options) => inner.put(key, body instanceof Uint8Array ? body.map((byte) => byte ^ 1) : body, options) }),
      'what was put is got again, byte for byte',
    ],
    [
      'replaces what is to be absent',
      (inner) => ({ put: (key, body, { ifAbsent: _, ...rest } = {}) => inner.put(key, body, rest) }),
      'of many who put with ifAbsent at once exactly one wins',
    ],
    ['removes nothing', () => ({ removeTree: async () => ({ objects: 0 }) }), 'nothing is left of the check'],
  ])('notices a target that %s, and spares what was there', async (_, lie, name) => {
    const inner = await usedTarget()
    const check = await checkTarget({ ...passOn(inner), ...lie(inner) }, { signal, patienceMs: 50 })
    expect(check.ok).toBe(false)
    expect(failed(check.cases)).toContain(name)
    expect(await keysOf(inner)).toEqual(expect.arrayContaining(others))
    const left = (await keysOf(inner)).filter((key) => !others.includes(key))
    if (name !== 'nothing is left of the check') expect(left).toEqual([])
    else
      expect(check.cases.at(-1)).toMatchObject({
        status: 'failed',
        why: expect.stringContaining(`Remove "${left[0]!.slice(0, left[0]!.indexOf('/'))}"`) as string,
      })
  })

  test('changes nothing outside of its own new directory', async () => {
    const { target, changed } = gullible()
    const check = await checkTarget({ ...target, get: async () => nothing() }, { signal, patienceMs: 50 })
    expect(check.ok).toBe(false)
    expect(changed.length).toBeGreaterThan(50)
    const own = changed[0]!.slice(0, changed[0]!.indexOf('/'))
    expect(own).toMatch(/^bastion_check_[0-9a-f-]{36}$/)
    expect(changed.filter((key) => key !== own && !key.startsWith(`${own}/`))).toEqual([])
    expect(changed.filter((key) => key.includes('..'))).toEqual([])
  })

  test('of a target that cannot be used ends with its error', async () => {
    const inner = await usedTarget()
    const refusing = createFaultyTarget(inner, { rules: [{ fault: { kind: 'error', code: 'target_auth' } }] })
    const leftovers: string[] = []
    await expect(checkTarget(refusing, { signal, onLeftover: (message) => leftovers.push(message) })).rejects.toMatchObject({ code: 'target_auth' })
    expect(leftovers).toEqual([])
  })

  test('of a target that goes away ends with its error, and tells what is left', async () => {
    const inner = await usedTarget()
    const cases: CheckedCase[] = []
    const leftovers: string[] = []
    const leaving = createFaultyTarget(inner, {
      rules: [
        { fault: { kind: 'error', code: 'target_unreachable' }, method: 'put', from: 10 },
        { fault: { kind: 'error', code: 'target_unreachable' }, method: 'removeTree' },
      ],
    })
    const options = { signal, onCase: (checked: CheckedCase) => void cases.push(checked), onLeftover: (message: string) => leftovers.push(message) }
    await expect(checkTarget(leaving, options)).rejects.toMatchObject({ code: 'target_unreachable' })
    expect(failed(cases)).toEqual([])
    expect(leftovers).toEqual([expect.stringContaining('by hand')])
  })

  test('that is canceled leaves nothing behind', async () => {
    const inner = await usedTarget()
    const stop = new AbortController()
    let puts = 0
    const target: Target = {
      ...passOn(inner),
      put(key, body, options) {
        if (++puts === 20) stop.abort(new BastionError('canceled', 'enough'))
        return inner.put(key, body, options)
      },
    }
    await expect(checkTarget(target, { signal: stop.signal })).rejects.toMatchObject({ code: 'canceled', message: 'enough' })
    expect(await keysOf(inner)).toEqual(others.toSorted())
  })
})

test('a confined target refuses what lies outside, whatever the target itself would take', async () => {
  const { target, changed } = gullible()
  const confined = confinedTarget(target, 'own/place', signal)
  for (const key of ['', 'own', 'own/place', 'own/placeX/a', 'other/a', '/own/place/a', 'own/place/../a', 'own/place/', '..', 'own//place/a']) {
    await expect(confined.put(key, new Uint8Array(1))).rejects.toMatchObject({ code: 'invalid_spec' })
    await expect(confined.remove(key)).rejects.toMatchObject({ code: 'invalid_spec' })
    await expect(confined.removeTree(key)).rejects.toMatchObject({ code: 'invalid_spec' })
  }
  expect(changed).toEqual([])
  await confined.put('own/place/a', new Uint8Array(1))
  expect(changed).toEqual(['own/place/a'])
})

async function* nothing(): AsyncGenerator<Uint8Array> {}
