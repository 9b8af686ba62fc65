import { BastionError, type ErrorCode } from '../../core/errors.ts'
import { cancellationOf, throwIfCanceled } from './cancellation.ts'
import type { TargetMethod } from './counting-target.ts'
import { mapBody } from './map-body.ts'
import { treeByPuts } from './pass-on.ts'
import type { ObjectEntry, ObjectStat, Target } from './target.ts'

export type Fault =
  /** The request fails before anything is done. */
  | { kind: 'error'; code: ErrorCode; details?: Record<string, unknown> }
  /** The request is done and then fails all the same, as when the answer is lost. */
  | { kind: 'lost_answer'; code: ErrorCode }
  /**
   * A body of put or get breaks off after so many bytes (at random below `withinBytes` where no number is given), at the latest at its end:
   * with `target_unreachable`, or `silently`, as a place does that stores or sends a part and calls it the whole.
   */
  | { kind: 'cut'; afterBytes?: number; withinBytes?: number; silently?: true }
  /** Nothing more happens after so many bytes of the body (default 0, or at once without a body), until the request is aborted. */
  | { kind: 'stall'; afterBytes?: number }
  /** stat and list tell sizes that are wrong by so many bytes; put says that it stored so many more. */
  | { kind: 'wrong_size'; byBytes: number }

/** When a fault happens: at every request that fits all that is given. */
export interface FaultRule {
  fault: Fault
  /** absent: every method the fault makes sense for */
  method?: TargetMethod
  /** absent: every key or prefix */
  key?: (key: string) => boolean
  /** Not before the nth request that fits method and key, counted from 1. */
  from?: number
  /** At most so many times; absent: always. */
  times?: number
  /** 0 … 1, by the seed; absent: always */
  probability?: number
}

export interface FaultyOptions {
  rules?: readonly FaultRule[]
  /** A put whose bytes would make more than this in all, since the target was wrapped, fails with `target_full` at that byte. */
  fullAfterBytes?: number
  /** Same seed and same order of requests: same faults. */
  seed?: number
}

/** The same target, failing as told: for tests and proofs. */
export function createFaultyTarget(inner: Target, options: FaultyOptions): Target {
  const random = seededRandom(options.seed ?? 1)
  const rules = (options.rules ?? []).map((rule) => ({ rule, met: 0, fired: 0 }))
  let takenBytes = 0

  function faultFor(method: TargetMethod, key: string): Fault | undefined {
    let chosen: Fault | undefined
    for (const state of rules) {
      const { rule } = state
      if (rule.method !== undefined && rule.method !== method) continue
      if (!methodsOf(rule.fault).includes(method) || rule.key?.(key) === false) continue
      state.met++
      if (chosen !== undefined || state.met < (rule.from ?? 1) || state.fired >= (rule.times ?? Infinity)) continue
      if (rule.probability !== undefined && random() >= rule.probability) continue
      state.fired++
      chosen = rule.fault
    }
    return chosen
  }

  function cutPoint(fault: { afterBytes?: number; withinBytes?: number }): number {
    return fault.afterBytes ?? Math.floor(random() * (fault.withinBytes ?? 1))
  }

  /** The faults of a request without a body. */
  async function around<T>(
    method: TargetMethod,
    key: string,
    signal: AbortSignal | undefined,
    work: (fault: Fault | undefined) => Promise<T>,
  ): Promise<T> {
    const fault = faultFor(method, key)
    if (fault?.kind === 'error') throw failure(fault, method, key)
    if (fault?.kind === 'stall' && fault.afterBytes === undefined) await untilAborted(signal)
    const result = await work(fault)
    if (fault?.kind === 'lost_answer') throw failure(fault, method, key)
    return result
  }

  async function* limited(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array, void, undefined> {
    for await (const chunk of chunks) {
      if (takenBytes + chunk.length > options.fullAfterBytes!) throw new BastionError('target_full', `${inner.label} is full (as it was told to be).`)
      takenBytes += chunk.length
      yield chunk
    }
  }

  async function* damaged(
    chunks: AsyncIterable<Uint8Array>,
    fault: Fault | undefined,
    method: TargetMethod,
    key: string,
    signal: AbortSignal | undefined,
  ): AsyncGenerator<Uint8Array, void, undefined> {
    if (fault?.kind !== 'cut' && fault?.kind !== 'stall') {
      yield* chunks
      return
    }
    let leftBytes = fault.kind === 'cut' ? cutPoint(fault) : fault.afterBytes!
    for await (const chunk of chunks) {
      if (leftBytes > 0) yield chunk.subarray(0, leftBytes)
      leftBytes -= chunk.length
      // A place that loses a part silently takes the whole.
      if (leftBytes < 0 && !(fault.kind === 'cut' && fault.silently)) break
    }
    if (fault.kind === 'stall') await untilAborted(signal)
    else if (fault.silently !== true) throw failure({ code: 'target_unreachable' }, method, key)
  }

  // Its failures are those of a place that leaves trying again to whoever puts.
  const { holdsPieces: _holdsPieces, ...features } = inner.features

  return {
    label: inner.label,
    features,

    put: (key, body, putOptions = {}) =>
      around('put', key, putOptions.signal, async (fault) => {
        const damages = fault?.kind === 'cut' || fault?.kind === 'stall'
        if (!damages && options.fullAfterBytes === undefined) return lieAbout(await inner.put(key, body, putOptions), fault)
        let sentBytes = 0
        const sent = mapBody(body, (chunks) => {
          sentBytes = 0
          const admitted = options.fullAfterBytes === undefined ? chunks : limited(chunks)
          const counted = countBytes(admitted, (bytes) => (sentBytes += bytes))
          return damaged(counted, fault, 'put', key, putOptions.signal)
        })
        const { sizeBytes: _, ...anySize } = putOptions
        const isLoss = fault?.kind === 'cut' && fault.silently === true
        const result = await inner.put(key, sent, isLoss ? anySize : putOptions)
        return isLoss ? { sizeBytes: sentBytes } : lieAbout(result, fault)
      }),

    get: (key, getOptions = {}) =>
      around('get', key, getOptions.signal, async (fault) => {
        const bytes = await inner.get(key, getOptions)
        return { [Symbol.asyncIterator]: () => damaged(bytes, fault, 'get', key, getOptions.signal) }
      }),

    stat: (key) =>
      around('stat', key, undefined, async (fault) => {
        const stat = await inner.stat(key)
        return stat === null ? null : lieAbout<ObjectStat>(stat, fault)
      }),

    async *list(prefix, listOptions = {}): AsyncGenerator<ObjectEntry, void, undefined> {
      const fault = faultFor('list', prefix)
      if (fault?.kind === 'error') throw failure(fault, 'list', prefix)
      if (fault?.kind === 'stall') await untilAborted(listOptions.signal)
      for await (const entry of inner.list(prefix, listOptions)) yield lieAbout(entry, fault)
      if (fault?.kind === 'lost_answer') throw failure(fault, 'list', prefix)
    },

    remove: (key) => around('remove', key, undefined, () => inner.remove(key)),
    removeTree: (prefix, treeOptions) => around('removeTree', prefix, undefined, () => inner.removeTree(prefix, treeOptions)),
    removeDirectory: (prefix) => around('removeDirectory', prefix, undefined, () => inner.removeDirectory(prefix)),
    ...(inner.flush && { flush: (prefix: string) => around('flush', prefix, undefined, () => inner.flush!(prefix)) }),
    ...treeByPuts(inner),
    close: () => inner.close(),
  }
}

const all: readonly TargetMethod[] = ['put', 'get', 'stat', 'list', 'remove', 'removeTree', 'removeDirectory', 'flush']

/** Where a fault has an effect; methods that take no signal would stall for ever. */
function methodsOf(fault: Fault): readonly TargetMethod[] {
  if (fault.kind === 'error' || fault.kind === 'lost_answer') return all
  if (fault.kind === 'wrong_size') return ['put', 'stat', 'list']
  return fault.kind === 'cut' || fault.afterBytes !== undefined ? ['put', 'get'] : ['put', 'get', 'list']
}

function failure(fault: { code: ErrorCode; details?: Record<string, unknown> }, method: TargetMethod, key: string): BastionError {
  return new BastionError(fault.code, `${method} of "${key}" failed (as it was told to).`, fault.details && { details: fault.details })
}

function lieAbout<T extends { sizeBytes?: number }>(answer: T, fault: Fault | undefined): T {
  return fault?.kind === 'wrong_size' && answer.sizeBytes !== undefined ? { ...answer, sizeBytes: answer.sizeBytes + fault.byBytes } : answer
}

async function untilAborted(signal: AbortSignal | undefined): Promise<never> {
  throwIfCanceled(signal)
  return await new Promise<never>((_, reject) => signal?.addEventListener('abort', () => reject(cancellationOf(signal)), { once: true }))
}

async function* countBytes(chunks: AsyncIterable<Uint8Array>, count: (bytes: number) => void): AsyncGenerator<Uint8Array, void, undefined> {
  for await (const chunk of chunks) {
    count(chunk.length)
    yield chunk
  }
}

/** xorshift32 (Marsaglia 2003). 0 ≤ x < 1 */
function seededRandom(seed: number): () => number {
  // Spread over all bits, for small seeds begin alike; zero would stay zero.
  let state = Math.imul(seed, 0x9e3779b1) || 1
  return () => {
    state ^= state << 13
    state ^= state >>> 17
    state ^= state << 5
    return (state >>> 0) / 2 ** 32
  }
}
