import { mapBody } from './map-body.ts'
import { passOn, treeByPuts } from './pass-on.ts'
import type { ObjectEntry, Target } from './target.ts'

export const targetMethods = ['put', 'get', 'stat', 'list', 'remove', 'removeTree', 'removeDirectory', 'flush'] as const
export type TargetMethod = (typeof targetMethods)[number]

export interface RequestCount {
  requests: number
  /** that passed in or out through bodies, also of requests that failed later */
  bytes: number
}

export interface TargetCounts {
  /** All requests of a method, or those for one key (or prefix). */
  of(method: TargetMethod, key?: string): RequestCount
  /** The keys a method was asked for, in the order they first came. */
  keys(method: TargetMethod): string[]
  reset(): void
}

/** The same target, and how much was asked of it. */
export function createCountingTarget(inner: Target): Target & { readonly counts: TargetCounts } {
  const tables = new Map<TargetMethod, Map<string, RequestCount>>()

  function countRequest(method: TargetMethod, key: string): RequestCount {
    const table = tables.get(method) ?? new Map<string, RequestCount>()
    tables.set(method, table)
    const count = table.get(key) ?? { requests: 0, bytes: 0 }
    table.set(key, count)
    count.requests++
    return count
  }

  const { flush } = inner
  return {
    ...passOn(inner),
    ...treeByPuts(inner),
    async put(key, body, options) {
      const count = countRequest('put', key)
      if (!(body instanceof Uint8Array)) {
        return await inner.put(
          key,
          mapBody(body, (chunks) => counted(chunks, count)),
          options,
        )
      }
      count.bytes += body.length
      return await inner.put(key, body, options)
    },
    async get(key, options) {
      const count = countRequest('get', key)
      const bytes = await inner.get(key, options)
      return { [Symbol.asyncIterator]: () => counted(bytes, count) }
    },
    async stat(key) {
      countRequest('stat', key)
      return await inner.stat(key)
    },
    async *list(prefix, options): AsyncGenerator<ObjectEntry, void, undefined> {
      countRequest('list', prefix)
      yield* inner.list(prefix, options)
    },
    async remove(key) {
      countRequest('remove', key)
      await inner.remove(key)
    },
    async removeTree(prefix, options) {
      countRequest('removeTree', prefix)
      return await inner.removeTree(prefix, options)
    },
    async removeDirectory(prefix) {
      countRequest('removeDirectory', prefix)
      return await inner.removeDirectory(prefix)
    },
    ...(flush && {
      async flush(prefix: string) {
        countRequest('flush', prefix)
        await inner.flush!(prefix)
      },
    }),
    counts: {
      of(method, key) {
        const table = tables.get(method)
        const counts = key === undefined ? [...(table?.values() ?? [])] : [table?.get(key) ?? { requests: 0, bytes: 0 }]
        return counts.reduce((sum, { requests, bytes }) => ({ requests: sum.requests + requests, bytes: sum.bytes + bytes }), {
          requests: 0,
          bytes: 0,
        })
      },
      keys: (method) => [...(tables.get(method)?.keys() ?? [])],
      reset: () => tables.clear(),
    },
  }
}

async function* counted(chunks: AsyncIterable<Uint8Array>, count: RequestCount): AsyncGenerator<Uint8Array, void, undefined> {
  for await (const chunk of chunks) {
    count.bytes += chunk.length
    yield chunk
  }
}
