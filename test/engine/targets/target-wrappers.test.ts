import { describe, expect, test } from 'vitest'
import { BastionError } from '../../../src/core/errors.ts'
import { createCountingTarget } from '../../../src/engine/targets/counting-target.ts'
import { createFaultyTarget, type FaultRule } from '../../../src/engine/targets/faulty-target.ts'
import { createMemoryTarget } from '../../../src/engine/targets/memory/memory-target.ts'
import { passOn } from '../../../src/engine/targets/pass-on.ts'
import { createRetryingTarget } from '../../../src/engine/targets/retrying-target.ts'
import { sleep } from '../../../src/engine/targets/sleep.ts'
import { type Body, type Target } from '../../../src/engine/targets/target.ts'
import { createThrottledTarget } from '../../../src/engine/targets/throttled-target.ts'
import { createTokenBucket } from '../../../src/engine/targets/token-bucket.ts'

const bytes = Buffer.from(Array.from({ length: 100_000 }, (_, i) => i >>> 4))

async function* chunksOf(body: Uint8Array, size: number): AsyncGenerator<Uint8Array> {
  for (let offset = 0; offset < body.length; offset += size) yield body.subarray(offset, offset + size)
}

async function readAll(chunks: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const all: Uint8Array[] = []
  for await (const chunk of chunks) all.push(chunk)
  return Buffer.concat(all)
}

/** A clock that moves only when somebody sleeps. */
function simulatedTime() {
  let nowMs = 1_000_000
  return {
    clock: { now: () => nowMs },
    sleep: async (delayMs: number) => {
      const wakeMs = nowMs + delayMs
      await Promise.resolve()
      nowMs = Math.max(nowMs, wakeMs)
    },
    jump: (byMs: number) => (nowMs += byMs),
  }
}

describe.each<[string, (inner: Target) => Target]>([
  ['counting', createCountingTarget],
  ['throttled', (inner) => createThrottledTarget(inner, { put: createTokenBucket({ bytesPerSecond: 1e6, ...simulatedTime() }) })],
  ['faulty', (inner) => createFaultyTarget(inner, { rules: [{ fault: { kind: 'cut', afterBytes: 1_000_000, silently: true }, method: 'put' }] })],
  ['faulty, with room enough', (inner) => createFaultyTarget(inner, { fullAfterBytes: 1_000_000 })],
  ['retrying', (inner) => retrying(inner)],
])('%s', (_, wrap) => {
  const replayable: Body = { replayable: true, [Symbol.asyncIterator]: () => chunksOf(bytes, 30_000) }

  test.each([
    ['what is replayable', replayable],
    ['bytes', bytes],
  ])('passes %s on so that it can be sent again', async (_kind, body) => {
    const memory = createMemoryTarget()
    const target = wrap(retrying(failingOnce(memory)))
    await target.put('object', body)
    expect((await readAll(await memory.get('object'))).equals(bytes)).toBe(true)
  })

  test('passes a stream on as what it is: to be sent once', async () => {
    const target = wrap(retrying(failingOnce(createMemoryTarget())))
    await expect(target.put('object', chunksOf(bytes, 30_000))).rejects.toMatchObject({ code: 'target_unreachable' })
  })
})

function retrying(inner: Target): Target {
  return createRetryingTarget(inner, { clock: { now: () => 0 }, sleep: async () => {}, random: () => 0 })
}

/** The first put breaks off when it has taken some of its body. */
function failingOnce(inner: Target): Target {
  let puts = 0
  return {
    ...passOn(inner),
    async put(key, body, options) {
      if (++puts > 1) return await inner.put(key, body, options)
      if (!(body instanceof Uint8Array)) for await (const _ of body) break
      throw new BastionError('target_unreachable', 'The connection broke.')
    },
  }
}

describe('throttled', () => {
  test.each(['bytes', 'stream'])('puts of %s take as long as the limit says, and no more than a burst less', async (kind) => {
    const time = simulatedTime()
    const put = createTokenBucket({ bytesPerSecond: 10_000, burstBytes: 1_000, ...time })
    const target = createThrottledTarget(createMemoryTarget(), { put })
    const before = time.clock.now()
    await target.put('object', kind === 'bytes' ? bytes : chunksOf(bytes, 30_000))
    expect(time.clock.now() - before).toBeCloseTo(9_900)
    expect((await readAll(await target.get('object'))).equals(bytes)).toBe(true)
    expect(time.clock.now() - before).toBeCloseTo(9_900)
  })

  test('gets have a limit of their own, and stop at what the reader takes', async () => {
    const time = simulatedTime()
    const get = createTokenBucket({ bytesPerSecond: 10_000, burstBytes: 0, ...time })
    const target = createThrottledTarget(createMemoryTarget(), { get })
    await target.put('object', bytes)
    const before = time.clock.now()
    for await (const chunk of await target.get('object')) {
      expect(chunk.length).toBe(1000)
      break
    }
    expect(time.clock.now() - before).toBeCloseTo(100)
  })

  test('two puts share one limit', async () => {
    const time = simulatedTime()
    const put = createTokenBucket({ bytesPerSecond: 10_000, burstBytes: 0, ...time })
    const targets = [createMemoryTarget(), createMemoryTarget()].map((inner) => createThrottledTarget(inner, { put }))
    const before = time.clock.now()
    await Promise.all(targets.map((target) => target.put('object', bytes)))
    expect(time.clock.now() - before).toBeGreaterThanOrEqual(19_999)
  })

  test('a body of the wrong length is still noticed', async () => {
    const time = simulatedTime()
    const put = createTokenBucket({ bytesPerSecond: 10_000, ...time })
    const target = createThrottledTarget(createMemoryTarget(), { put })
    await expect(target.put('object', bytes, { sizeBytes: 5 })).rejects.toMatchObject({ code: 'target_rejected' })
  })

  test('an abort ends the wait', async () => {
    const aborting = new AbortController()
    const put = createTokenBucket({ bytesPerSecond: 1, burstBytes: 0, clock: { now: () => 0 }, sleep })
    const target = createThrottledTarget(createMemoryTarget(), { put })
    const putting = target.put('object', bytes, { signal: aborting.signal })
    setImmediate(() => aborting.abort())
    await expect(putting).rejects.toMatchObject({ code: 'canceled' })
    expect(await target.stat('object')).toBeNull()
  })

  test('a clock that is set back or forward costs nobody an hour', async () => {
    const time = simulatedTime()
    const bucket = createTokenBucket({ bytesPerSecond: 1000, burstBytes: 0, ...time })
    await bucket.take(1000)
    time.jump(-3_600_000)
    const before = time.clock.now()
    await bucket.take(1000)
    expect(time.clock.now() - before).toBeLessThanOrEqual(1000)
    time.jump(3_600_000)
    await bucket.take(1000)
  })
})

describe('counting', () => {
  test('counts requests and the bytes that passed, by method and key', async () => {
    const target = createCountingTarget(createMemoryTarget())
    await target.put('a', bytes)
    await target.put('b', chunksOf(bytes, 999))
    await readAll(await target.get('a', { range: { offset: 5, length: 10 } }))
    await readAll(await target.get('b', { range: { offset: 99_990, length: 1000 } }))
    await target.get('b')
    await target.stat('a')
    await expect(target.get('absent')).rejects.toMatchObject({ code: 'target_not_found' })
    expect(target.counts.of('put')).toEqual({ requests: 2, bytes: 200_000 })
    expect(target.counts.of('get', 'a')).toEqual({ requests: 1, bytes: 10 })
    expect(target.counts.of('get', 'b')).toEqual({ requests: 2, bytes: 10 })
    expect(target.counts.of('get')).toEqual({ requests: 4, bytes: 20 })
    expect(target.counts.keys('get')).toEqual(['a', 'b', 'absent'])
    expect(target.counts.of('stat')).toEqual({ requests: 1, bytes: 0 })
    expect(target.counts.of('list')).toEqual({ requests: 0, bytes: 0 })
    target.counts.reset()
    expect(target.counts.of('get')).toEqual({ requests: 0, bytes: 0 })
  })

  test('counts of a get that was stopped only what came', async () => {
    const target = createCountingTarget(createMemoryTarget())
    await target.put('object', Buffer.alloc(5 * 1024 * 1024))
    for await (const _ of await target.get('object')) break
    expect(target.counts.of('get').bytes).toBe(1024 * 1024)
  })
})

describe('faulty', () => {
  async function faulty(rules: FaultRule[], options: { fullAfterBytes?: number; seed?: number } = {}): Promise<{ target: Target; inner: Target }> {
    const inner = createMemoryTarget()
    await inner.put('object', bytes)
    return { inner, target: createFaultyTarget(inner, { rules, ...options }) }
  }

  test('fails the requests its rule names, so often', async () => {
    const { target } = await faulty([
      { fault: { kind: 'error', code: 'target_auth' }, method: 'stat', key: (key) => key === 'object', from: 2, times: 2 },
    ])
    const outcomes: string[] = []
    for (const key of ['object', 'other', 'object', 'object', 'object', 'other']) {
      outcomes.push(
        await target.stat(key).then(
          () => 'ok',
          (error: { code: string }) => error.code,
        ),
      )
    }
    expect(outcomes).toEqual(['ok', 'ok', 'target_auth', 'target_auth', 'ok', 'ok'])
    await target.get('object')
  })

  test('with the same seed fails the same requests, with another seed others', async () => {
    const outcomes = async (seed: number): Promise<string> => {
      const { target } = await faulty([{ fault: { kind: 'error', code: 'target_timeout' }, probability: 0.5 }], { seed })
      let text = ''
      for (let i = 0; i < 64; i++)
        text += await target.stat('object').then(
          () => '.',
          () => 'x',
        )
      return text
    }
    expect(await outcomes(7)).toBe(await outcomes(7))
    expect(await outcomes(7)).not.toBe(await outcomes(8))
    expect((await outcomes(7)).match(/x/g)!.length).toBeGreaterThan(10)
  })

  test('loses the answer of a request that was done', async () => {
    const { target, inner } = await faulty([{ fault: { kind: 'lost_answer', code: 'target_timeout' }, method: 'put' }])
    await expect(target.put('new', bytes)).rejects.toMatchObject({ code: 'target_timeout' })
    expect(await inner.stat('new')).toEqual({ sizeBytes: bytes.length })
  })

  test('cuts a body, and says so', async () => {
    const { target, inner } = await faulty([{ fault: { kind: 'cut', afterBytes: 12_345 } }])
    await expect(target.put('new', chunksOf(bytes, 1000))).rejects.toMatchObject({ code: 'target_unreachable' })
    expect(await inner.stat('new')).toBeNull()
    let read = 0
    const reading = (async () => {
      for await (const chunk of await target.get('object')) read += chunk.length
    })()
    await expect(reading).rejects.toMatchObject({ code: 'target_unreachable' })
    expect(read).toBe(12_345)
  })

  test('cuts a body silently, and calls it the whole', async () => {
    for (const body of [bytes, chunksOf(bytes, 1000)]) {
      const { target, inner } = await faulty([{ fault: { kind: 'cut', afterBytes: 12_345, silently: true } }])
      expect(await target.put('new', body, { sizeBytes: bytes.length })).toEqual({ sizeBytes: bytes.length })
      expect(await inner.stat('new')).toEqual({ sizeBytes: 12_345 })
      expect(await readAll(await target.get('object'))).toHaveLength(12_345)
    }
  })

  test('stalls until the abort', async () => {
    for (const fault of [{ kind: 'stall' }, { kind: 'stall', afterBytes: 500 }] as const) {
      const { target, inner } = await faulty([{ fault }])
      for (const request of [
        (signal: AbortSignal) => target.put('new', bytes, { signal }),
        async (signal: AbortSignal) => readAll(await target.get('object', { signal })),
      ]) {
        const aborting = new AbortController()
        const requested = request(aborting.signal)
        setImmediate(() => aborting.abort())
        await expect(requested).rejects.toMatchObject({ code: 'canceled' })
      }
      expect(await inner.stat('new')).toBeNull()
    }
  })

  test('lies about sizes', async () => {
    const { target } = await faulty([{ fault: { kind: 'wrong_size', byBytes: -1 } }])
    expect(await target.stat('object')).toEqual({ sizeBytes: bytes.length - 1 })
    for await (const entry of target.list('')) expect(entry.sizeBytes).toBe(bytes.length - 1)
    expect(await target.put('new', bytes)).toEqual({ sizeBytes: bytes.length - 1 })
  })

  test('is full after so many bytes, and has what it took before', async () => {
    const { target, inner } = await faulty([], { fullAfterBytes: 250_000 })
    await target.put('one', bytes)
    await target.put('two', chunksOf(bytes, 1000))
    await expect(target.put('three', chunksOf(bytes, 1000))).rejects.toMatchObject({ code: 'target_full' })
    await expect(target.put('one', bytes)).rejects.toMatchObject({ code: 'target_full' })
    expect(await inner.stat('three')).toBeNull()
    expect(await inner.stat('one')).toEqual({ sizeBytes: bytes.length })
  })
})
