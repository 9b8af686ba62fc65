import type { QueryClient, QueryKey } from '@tanstack/vue-query'

const pauseMs = 700
const waiting = new WeakMap<QueryClient, Set<string>>()

/** What is shown of this is asked for again, once however often it changes within a moment. */
export function invalidateSoon(cache: QueryClient, queryKey: QueryKey): void {
  const name = JSON.stringify(queryKey)
  const keys = waiting.get(cache) ?? new Set()
  waiting.set(cache, keys)
  if (keys.has(name)) return
  keys.add(name)
  setTimeout(() => {
    keys.delete(name)
    void cache.invalidateQueries({ queryKey })
  }, pauseMs)
}
