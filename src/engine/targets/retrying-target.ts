import { BastionError, hasCode } from '../../core/errors.ts'
import { passOn } from './pass-on.ts'
import { createRetries, type RetryingOptions } from './retries.ts'
import type { GetOptions, ListOptions, ObjectEntry, PutOptions, PutResult, Target } from './target.ts'

/**
 * The same target, which tries again what failed, as {@link createRetries} says.
 *
 * - A body that can be read once only is sent once only; where a driver holds pieces of it, it sends those again itself.
 * - A get goes on from the byte reached where the target reads ranges; every byte that came begins the count of tries anew.
 * - A listing begins again until its first entry is out.
 * - `removeTree` counts what its last try removed.
 */
export function createRetryingTarget(inner: Target, options: RetryingOptions): Target {
  const retries = createRetries(options)

  async function put(key: string, body: Uint8Array | AsyncIterable<Uint8Array>, putOptions: PutOptions = {}): Promise<PutResult> {
    if (!(body instanceof Uint8Array)) return await inner.put(key, body, putOptions)
    return await retries.run(`put ${key}`, putOptions.signal, async (isRetry) => {
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
    const first = await retries.run(`get ${key}`, getOptions.signal, async () => await inner.get(key, getOptions))
    return { [Symbol.asyncIterator]: () => resumed(key, getOptions, first) }
  }

  async function* resumed(key: string, getOptions: GetOptions, first: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array, void, undefined> {
    const tries = retries.start(`get ${key}`, getOptions.signal)
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
    const tries = retries.start(`list ${prefix}`, listOptions.signal)
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

  return {
    ...passOn(inner),
    put,
    get,
    list,
    stat: (key) => retries.run(`stat ${key}`, undefined, () => inner.stat(key)),
    remove: (key) => retries.run(`remove ${key}`, undefined, () => inner.remove(key)),
    removeTree: (prefix) => retries.run(`remove ${prefix}`, undefined, () => inner.removeTree(prefix)),
    ...(inner.flush && { flush: (prefix: string) => retries.run(`flush ${prefix}`, undefined, () => inner.flush!(prefix)) }),
  }
}

async function* nothing(): AsyncGenerator<Uint8Array, void, undefined> {}
