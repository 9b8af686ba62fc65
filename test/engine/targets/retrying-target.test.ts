import { describe, expect, test } from 'vitest'
import { BastionError, errorCodes, type ErrorCode } from '../../../src/core/errors.ts'
import { createCountingTarget } from '../../../src/engine/targets/counting-target.ts'
import { createFaultyTarget, type FaultRule } from '../../../src/engine/targets/faulty-target.ts'
import { createMemoryTarget } from '../../../src/engine/targets/memory/memory-target.ts'
import { passOn } from '../../../src/engine/targets/pass-on.ts'
import type { RetryPolicy } from '../../../src/engine/targets/retries.ts'
import { createRetryingTarget } from '../../../src/engine/targets/retrying-target.ts'
import type { Target } from '../../../src/engine/targets/target.ts'
import { seededRandom } from '../../support/seed.ts'

const bytes = Buffer.from(Array.from({ length: 3_000_000 }, (_, i) => (i * 7919) >>> 3))

/** Retries over faults over counts over memory; time passes only by sleeping. */
function setUp(rules: FaultRule[], options: { policy?: Partial<RetryPolicy>; features?: Target['features']; random?: () => number } = {}) {
  const memory = createMemoryTarget()
  const counting = createCountingTarget(options.features ? { ...passOn(memory), features: options.features } : memory)
  const sleeps: number[] = []
  let nowMs = 0
  const target = createRetryingTarget(createFaultyTarget(counting, { rules }), {
    policy: { attempts: 4, firstDelayMs: 100, maxDelayMs: 1000, giveUpAfterMs: 60_000, ...options.policy },
    clock: { now: () => nowMs },
    sleep: async (delayMs) => {
      sleeps.push(delayMs)
      nowMs += delayMs
    },
    random: options.random ?? (() => 1),
  })
  return { target, memory, counts: counting.counts, sleeps }
}

async function readAll(chunks: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const all: Uint8Array[] = []
  for await (const chunk of chunks) all.push(chunk)
  return Buffer.concat(all)
}

function failing(code: ErrorCode, times?: number, method?: FaultRule['method']): FaultRule {
  return { fault: { kind: 'error', code }, ...(times !== undefined && { times }), ...(method && { method }) }
}

describe('a request', () => {
  test('is tried again with growing pauses until it succeeds', async () => {
    const { target, sleeps } = setUp([failing('target_unreachable', 3)])
    await target.put('object', bytes)
    expect(sleeps).toEqual([100, 200, 400])
  })

  test('is given up after so many tries, with the last error', async () => {
    const { target, sleeps } = setUp([failing('target_timeout')])
    await expect(target.stat('object')).rejects.toMatchObject({ code: 'target_timeout' })
    expect(sleeps).toHaveLength(3)
  })

  test('is given up when it took too long', async () => {
    const { target, sleeps } = setUp([failing('target_timeout')], { policy: { attempts: 1000, giveUpAfterMs: 5000 } })
    await expect(target.remove('object')).rejects.toMatchObject({ code: 'target_timeout' })
    expect(sleeps.reduce((sum, delayMs) => sum + delayMs, 0)).toBeLessThanOrEqual(5000)
    expect(Math.max(...sleeps)).toBe(1000)
  })

  test('waits between half of the pause and all of it', async () => {
    const { target, sleeps } = setUp([failing('target_timeout', 3)], { random: seededRandom() })
    await target.removeTree('job')
    for (const [i, delayMs] of sleeps.entries()) {
      expect(delayMs).toBeGreaterThanOrEqual(50 * 2 ** i)
      expect(delayMs).toBeLessThanOrEqual(100 * 2 ** i)
    }
  })

  test('waits as long as the place asks for', async () => {
    const { target, sleeps } = setUp([{ fault: { kind: 'error', code: 'target_rate_limited', details: { retry_after_ms: 7000 } }, times: 1 }])
    await target.put('object', bytes)
    expect(sleeps).toEqual([7000])
  })

  test.each((Object.keys(errorCodes) as ErrorCode[]).filter((code) => !errorCodes[code].retryable))('is not tried again after %s', async (code) => {
    const { target, sleeps } = setUp([failing(code)])
    await expect(target.put('object', bytes)).rejects.toMatchObject({ code })
    expect(sleeps).toEqual([])
  })

  test('is not tried again after a bug', async () => {
    const bug = new TypeError('not a function')
    const inner: Target = { ...passOn(createMemoryTarget()), stat: () => Promise.reject(bug) }
    const target = createRetryingTarget(inner, { clock: { now: () => 0 }, sleep: () => Promise.reject(new Error('slept')), random: () => 0 })
    await expect(target.stat('object')).rejects.toBe(bug)
  })

  test('tells each retry, with what failed', async () => {
    const retries: unknown[] = []
    const inner = createFaultyTarget(createMemoryTarget(), { rules: [failing('target_timeout', 2)] })
    const target = createRetryingTarget(inner, {
      clock: { now: () => 0 },
      sleep: async () => {},
      random: () => 0,
      onRetry: (retry) => retries.push(retry),
    })
    await target.stat('object')
    expect(retries).toMatchObject([{ doing: 'stat object', attempt: 2, error: { code: 'target_timeout' } }, { attempt: 3 }])
  })

  test('ends at an abort that comes while it waits', async () => {
    const aborting = new AbortController()
    const inner = createFaultyTarget(createMemoryTarget(), { rules: [failing('target_timeout')] })
    const target = createRetryingTarget(inner, { clock: { now: () => 0 }, sleep: async () => aborting.abort(), random: () => 0 })
    await expect(target.put('object', bytes, { signal: aborting.signal })).rejects.toMatchObject({ code: 'canceled' })
  })
})

describe('put', () => {
  test('sends a body that can be read once only once only', async () => {
    const { target, sleeps } = setUp([failing('target_timeout', 1)])
    let reads = 0
    async function* body(): AsyncGenerator<Uint8Array> {
      reads++
      yield bytes
    }
    await expect(target.put('object', body())).rejects.toMatchObject({ code: 'target_timeout' })
    expect([reads, sleeps]).toEqual([0, []])
    await target.put('object', body())
    expect(reads).toBe(1)
  })

  test('with ifAbsent knows its own object again when only the answer was lost', async () => {
    const { target, memory } = setUp([{ fault: { kind: 'lost_answer', code: 'target_timeout' }, method: 'put', times: 1 }])
    expect(await target.put('object', bytes, { ifAbsent: true })).toEqual({ sizeBytes: bytes.length })
    expect(await memory.stat('object')).toEqual({ sizeBytes: bytes.length })
  })

  test("with ifAbsent does not take another's object for its own", async () => {
    const { target, memory } = setUp([failing('target_timeout', 1, 'put')])
    for (const other of [Buffer.from('theirs'), bytes.subarray(1), Buffer.concat([bytes, Buffer.from('x')])]) {
      await memory.put('object', other)
      await expect(target.put('object', bytes, { ifAbsent: true })).rejects.toMatchObject({ code: 'target_rejected', details: { exists: true } })
      expect(await memory.stat('object')).toEqual({ sizeBytes: other.length })
    }
  })
})

describe('get', () => {
  test('goes on where it broke off, without reading anything twice', async () => {
    const { target, memory, counts } = setUp([{ fault: { kind: 'cut', afterBytes: 1_200_000 }, method: 'get', times: 2 }])
    await memory.put('object', bytes)
    expect((await readAll(await target.get('object'))).equals(bytes)).toBe(true)
    expect(counts.of('get', 'object').requests).toBe(3)
    // The inner pieces are a mebibyte; what of a cut one was not passed on is read again.
    expect(counts.of('get', 'object').bytes).toBeLessThan(bytes.length + 2 * 1024 * 1024)
  })

  test('of a range goes on inside it', async () => {
    const { target, memory } = setUp([{ fault: { kind: 'cut', afterBytes: 700_001 }, method: 'get', times: 3 }])
    await memory.put('object', bytes)
    const range = { offset: 17, length: 2_500_000 }
    expect((await readAll(await target.get('object', { range }))).equals(bytes.subarray(17, 2_500_017))).toBe(true)
  })

  test('that breaks off after its last byte is whole', async () => {
    const { target, memory } = setUp([{ fault: { kind: 'cut', afterBytes: bytes.length }, method: 'get', times: 1 }])
    await memory.put('object', bytes)
    expect((await readAll(await target.get('object'))).equals(bytes)).toBe(true)
  })

  test('has its tries anew with every progress, and none without', async () => {
    const steady = setUp([{ fault: { kind: 'cut', afterBytes: 100_000 }, method: 'get' }])
    await steady.memory.put('object', bytes.subarray(0, 950_000))
    expect((await readAll(await steady.target.get('object'))).length).toBe(950_000)
    expect(steady.sleeps).toHaveLength(10)
    const stuck = setUp([{ fault: { kind: 'cut', afterBytes: 0 }, method: 'get' }])
    await stuck.memory.put('object', bytes)
    await expect(readAll(await stuck.target.get('object'))).rejects.toMatchObject({ code: 'target_unreachable' })
    expect(stuck.sleeps).toHaveLength(3)
  })

  test('where ranges cannot be read begins again at the start only', async () => {
    const early = setUp([{ fault: { kind: 'cut', afterBytes: 0 }, method: 'get', times: 2 }], { features: {} })
    await early.memory.put('object', bytes)
    expect((await readAll(await early.target.get('object'))).equals(bytes)).toBe(true)
    const late = setUp([{ fault: { kind: 'cut', afterBytes: 10 }, method: 'get', times: 1 }], { features: {} })
    await late.memory.put('object', bytes)
    await expect(readAll(await late.target.get('object'))).rejects.toMatchObject({ code: 'target_unreachable' })
    expect(late.sleeps).toEqual([])
  })

  test('of an object that was replaced by a shorter one meanwhile fails', async () => {
    const { target, memory } = setUp([{ fault: { kind: 'cut', afterBytes: 1_200_000 }, method: 'get', times: 1 }])
    await memory.put('object', bytes)
    const read = (async () => {
      for await (const _ of await target.get('object')) await memory.put('object', bytes.subarray(0, 10))
    })()
    await expect(read).rejects.toMatchObject({ code: 'target_rejected', message: expect.stringContaining('changed while it was read') })
  })

  test('of an absent object is not tried again', async () => {
    const { target, sleeps } = setUp([])
    await expect(target.get('object')).rejects.toBeInstanceOf(BastionError)
    expect(sleeps).toEqual([])
  })
})

test('list begins again until its first entry is out, and never shows one twice', async () => {
  const { target, memory } = setUp([failing('target_timeout', 2, 'list')])
  for (const key of ['a', 'b']) await memory.put(key, bytes.subarray(0, 1))
  const keys: string[] = []
  for await (const { key } of target.list('')) keys.push(key)
  expect(keys.toSorted()).toEqual(['a', 'b'])
  const broken = setUp([{ fault: { kind: 'lost_answer', code: 'target_timeout' }, method: 'list' }])
  await broken.memory.put('a', bytes)
  const seen: string[] = []
  const listing = (async () => {
    for await (const { key } of broken.target.list('')) seen.push(key)
  })()
  await expect(listing).rejects.toMatchObject({ code: 'target_timeout' })
  expect(seen).toEqual(['a'])
})
