import type { Clock } from '../../core/clock.ts'
import { BastionError, hasCode } from '../../core/errors.ts'
import { throwIfCanceled } from './cancellation.ts'
import { passOn } from './pass-on.ts'
import type { Sleep } from './sleep.ts'
import type { GetOptions, ListOptions, ObjectEntry, PutOptions, PutResult, Target, TargetTree } from './target.ts'

export interface RetryPolicy {
  /** tries of one request, the first included, without progress between them */
  attempts: number
  /** Before the second try; doubled before each further one. Half of it is jitter. */
  firstDelayMs: number
  maxDelayMs: number
  /** No new try begins after so long since the first. */
  giveUpAfterMs: number
}

export const defaultRetryPolicy: RetryPolicy = { attempts: 6, firstDelayMs: 500, maxDelayMs: 30_000, giveUpAfterMs: 10 * 60_000 }

export interface RetryingOptions {
  policy?: RetryPolicy
  clock: Clock
  sleep: Sleep
  /** 0 ≤ x < 1 */
  random: () => number
  onRetry?: (retry: { doing: string; attempt: number; delayMs: number; error: BastionError }) => void
}

/**
 * The same target, which tries again what failed with a retryable error (an error's `details.retry_after_ms` is the least it waits).
 *
 * - A body that can be read once only is sent once only.
 * - A get goes on from the byte reached where the target reads ranges; every byte that came begins the count of tries anew.
 * - A listing begins again until its first entry is out.
 * - `removeTree` counts what its last try removed.
 */
export function createRetryingTarget(inner: Target, options: RetryingOptions): Target {
  const { policy = defaultRetryPolicy, clock, sleep, random, onRetry } = options

  interface Tries {
    /** Resolves when to try again; @throws the error when it is not to be. */
    failed(error: unknown): Promise<void>
    progressed(): void
  }

  function startTries(doing: string, signal: AbortSignal | undefined): Tries {
    let attempt = 1
    let startedMs = clock.now()
    return {
      async failed(error) {
        throwIfCanceled(signal)
        if (!(error instanceof BastionError) || !error.retryable || attempt >= policy.attempts) throw error
        const delayMs = delayBefore(attempt, error)
        if (clock.now() + delayMs - startedMs > policy.giveUpAfterMs) throw error
        attempt++
        onRetry?.({ doing, attempt, delayMs, error })
        await sleep(delayMs, signal)
        throwIfCanceled(signal)
      },
      progressed() {
        attempt = 1
        startedMs = clock.now()
      },
    }
  }

  function delayBefore(attempt: number, error: BastionError): number {
    const fullMs = Math.min(policy.maxDelayMs, policy.firstDelayMs * 2 ** (attempt - 1))
    const delayMs = fullMs / 2 + (random() * fullMs) / 2
    const askedMs = error.details['retry_after_ms']
    return typeof askedMs === 'number' ? Math.max(delayMs, askedMs) : delayMs
  }

  async function retried<T>(doing: string, signal: AbortSignal | undefined, work: (isRetry: boolean) => Promise<T>): Promise<T> {
    const tries = startTries(doing, signal)
    for (let isRetry = false; ; isRetry = true) {
      try {
        return await work(isRetry)
      } catch (error) {
        await tries.failed(error)
      }
    }
  }

  async function put(key: string, body: Uint8Array | AsyncIterable<Uint8Array>, putOptions: PutOptions = {}): Promise<PutResult> {
    if (!(body instanceof Uint8Array)) return await inner.put(key, body, putOptions)
    return await retried(`put ${key}`, putOptions.signal, async (isRetry) => {
      try {
        return await inner.put(key, body, putOptions)
      } catch (error) {
        // The try before may have stored it and only its answer was lost: then what "exists" is our own.
        const exists = isRetry && hasCode(error, 'target_rejected') && error.details['exists'] === true
        if (exists && (await holds(key, body, putOptions.signal))) return { sizeBytes: body.length }
        throw error
      }
    })
  }

  async function holds(key: string, body: Uint8Array, signal: AbortSignal | undefined): Promise<boolean> {
    let offset = 0
    for await (const chunk of await inner.get(key, signal && { signal })) {
      if (Buffer.compare(chunk, body.subarray(offset, offset + chunk.length)) !== 0) return false
      offset += chunk.length
    }
    return offset === body.length
  }

  async function get(key: string, getOptions: GetOptions = {}): Promise<AsyncIterable<Uint8Array>> {
    const first = await retried(`get ${key}`, getOptions.signal, async () => await inner.get(key, getOptions))
    return { [Symbol.asyncIterator]: () => resumed(key, getOptions, first) }
  }

  async function* resumed(key: string, getOptions: GetOptions, first: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array, void, undefined> {
    const tries = startTries(`get ${key}`, getOptions.signal)
    let reached = 0
    let source: AsyncIterable<Uint8Array> | undefined = first
    for (;;) {
      try {
        source ??= await rest(key, getOptions, reached)
        for await (const chunk of source) {
          if (chunk.length === 0) continue
          reached += chunk.length
          tries.progressed()
          yield chunk
        }
        return
      } catch (error) {
        if (reached > 0 && !inner.features.rangeReads) throw error
        await tries.failed(error)
        source = undefined
      }
    }
  }

  async function rest(key: string, getOptions: GetOptions, reached: number): Promise<AsyncIterable<Uint8Array>> {
    if (reached === 0) return await inner.get(key, getOptions)
    const offset = (getOptions.range?.offset ?? 0) + reached
    const length = getOptions.range === undefined ? (await sizeOf(key)) - offset : getOptions.range.length - reached
    // A shorter object than what was read of it is another one.
    if (length < 0) throw new BastionError('target_rejected', `"${key}" on ${inner.label} changed while it was read.`)
    return length === 0 ? nothing() : await inner.get(key, { ...getOptions, range: { offset, length } })
  }

  async function sizeOf(key: string): Promise<number> {
    const stat = await inner.stat(key)
    if (stat === null) throw new BastionError('target_not_found', `"${key}" on ${inner.label} was removed while it was read.`)
    return stat.sizeBytes
  }

  async function* list(prefix: string, listOptions: ListOptions = {}): AsyncGenerator<ObjectEntry, void, undefined> {
    const tries = startTries(`list ${prefix}`, listOptions.signal)
    let listed = false
    for (;;) {
      try {
        for await (const entry of inner.list(prefix, listOptions)) {
          listed = true
          yield entry
        }
        return
      } catch (error) {
        if (listed) throw error
        await tries.failed(error)
      }
    }
  }

  function retriedTree(tree: TargetTree): TargetTree {
    const { openDirectory } = tree
    return {
      makeDirectory: (key) => retried(`make ${key}`, undefined, () => tree.makeDirectory(key)),
      symlink: (key, to) => retried(`make ${key}`, undefined, () => tree.symlink(key, to)),
      link: (key, existing) => retried(`make ${key}`, undefined, () => tree.link(key, existing)),
      setMetadata: (key, metadata) => retried(`describe ${key}`, undefined, () => tree.setMetadata(key, metadata)),
      ...(openDirectory && { openDirectory: (prefix: string) => retried(`open ${prefix}`, undefined, () => openDirectory(prefix)) }),
    }
  }

  return {
    ...passOn(inner),
    put,
    get,
    list,
    stat: (key) => retried(`stat ${key}`, undefined, () => inner.stat(key)),
    remove: (key) => retried(`remove ${key}`, undefined, () => inner.remove(key)),
    removeTree: (prefix) => retried(`remove ${prefix}`, undefined, () => inner.removeTree(prefix)),
    ...(inner.tree && { tree: retriedTree(inner.tree) }),
    ...(inner.flush && { flush: (prefix: string) => retried(`flush ${prefix}`, undefined, () => inner.flush!(prefix)) }),
  }
}

async function* nothing(): AsyncGenerator<Uint8Array, void, undefined> {}
