import { throwIfCanceled } from './cancellation.ts'
import { mapBody } from './map-body.ts'
import { passOn, treeByPuts } from './pass-on.ts'
import type { Target } from './target.ts'
import type { TokenBucket } from './token-bucket.ts'

export interface ThrottledOptions {
  /** What puts share; absent: no limit. The same bucket may be given for both, and to several targets. */
  put?: TokenBucket
  get?: TokenBucket
}

/** The same target, its bodies slowed to so many bytes a second. Goes inside `retrying`, so that every try is slowed. */
export function createThrottledTarget(inner: Target, limits: ThrottledOptions): Target {
  const { put: putBucket, get: getBucket } = limits
  return {
    ...passOn(inner),
    ...(putBucket === undefined ? {} : treeByPuts(inner)),
    async put(key, body, options = {}) {
      if (putBucket === undefined) return await inner.put(key, body, options)
      const sizeBytes = options.sizeBytes ?? (body instanceof Uint8Array ? body.length : undefined)
      const slowed = mapBody(body, (chunks) => throttle(chunks, putBucket, options.signal))
      return await inner.put(key, slowed, { ...options, ...(sizeBytes !== undefined && { sizeBytes }) })
    },
    async get(key, options = {}) {
      const bytes = await inner.get(key, options)
      return getBucket === undefined ? bytes : { [Symbol.asyncIterator]: () => throttle(bytes, getBucket, options.signal) }
    },
  }
}

/** Slices of at most a tenth of a second, so that the rate is even and an abort is noticed; nothing is copied. */
async function* throttle(
  chunks: AsyncIterable<Uint8Array>,
  bucket: TokenBucket,
  signal: AbortSignal | undefined,
): AsyncGenerator<Uint8Array, void, undefined> {
  const sliceBytes = Math.min(1024 * 1024, Math.max(1, Math.floor(bucket.bytesPerSecond / 10)))
  for await (const chunk of chunks) {
    for (let offset = 0; offset < chunk.length; offset += sliceBytes) {
      const slice = chunk.subarray(offset, offset + sliceBytes)
      await bucket.take(slice.length, signal)
      throwIfCanceled(signal)
      yield slice
    }
  }
}
