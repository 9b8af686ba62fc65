import type { QueryClient, QueryKey } from '@tanstack/vue-query'
import type { KeysetPages } from '../components/list/keyset-pages.ts'

/**
 * Changes every list of a noun that is in the cache, in place: none is asked for again, however long it is. One that is being read right now is changed once more when it
 * has been, for what was read may be older.
 */
export function changeLists<Row>(cache: QueryClient, noun: string, change: (list: KeysetPages<Row>, key: QueryKey) => KeysetPages<Row>): void {
  for (const query of cache.getQueryCache().findAll({ queryKey: [noun] })) {
    const { queryKey } = query
    const apply = () => {
      const updatedAt = query.state.dataUpdatedAt
      cache.setQueryData<KeysetPages<Row>>(queryKey, (list) => list && change(list, queryKey), { updatedAt })
    }
    apply()
    if (query.state.fetchStatus === 'fetching') void query.promise?.then(apply, () => undefined)
  }
}
