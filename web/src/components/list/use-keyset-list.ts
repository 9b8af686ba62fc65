import { hashKey, useInfiniteQuery, useQueryClient } from '@tanstack/vue-query'
import { computed, type MaybeRefOrGetter, onScopeDispose, toValue, watch } from 'vue'
import type { KeysetPage, KeysetPages } from './keyset-pages.ts'

export interface PageAsked {
  cursor: string | undefined
  limit: number
}

export interface KeysetListOptions<Row> {
  /** with what the list is filtered by: another filter is another list */
  key: MaybeRefOrGetter<readonly unknown[]>
  fetchPage(asked: PageAsked): Promise<KeysetPage<Row>>
  /** rows of every page but the first, which is small to be there soon: as many as the Hub gives at once */
  pageRows?: number
  enabled?: MaybeRefOrGetter<boolean>
}

const firstPageRows = 100

/**
 * A long list, page after page in the order of the Hub. In the query cache it is a {@link KeysetPages}; of a list that nobody looks at any more only the first page
 * stays there, for when it is shown again every page that is kept is asked for.
 */
export function useKeysetList<Row>({ key, fetchPage, pageRows = 200, enabled = true }: KeysetListOptions<Row>) {
  const cache = useQueryClient()
  const queryKey = computed(() => toValue(key))
  const query = useInfiniteQuery({
    queryKey,
    queryFn: ({ pageParam }) => fetchPage({ cursor: pageParam, limit: pageParam === undefined ? firstPageRows : pageRows }),
    initialPageParam: undefined as string | undefined,
    getNextPageParam: ({ next_cursor }: KeysetPage<Row>) => next_cursor ?? undefined,
    enabled: computed(() => toValue(enabled)),
    // A hundred thousand rows are neither watched nor compared one by one: a change is another list.
    shallow: true,
    structuralSharing: false,
  })

  async function shorten(left: readonly unknown[]): Promise<void> {
    await cache.cancelQueries({ queryKey: left, exact: true })
    const updatedAt = cache.getQueryState(left)?.dataUpdatedAt
    cache.setQueryData<KeysetPages<Row>>(
      left,
      (list) => list && { pages: list.pages.slice(0, 1), pageParams: list.pageParams.slice(0, 1) },
      updatedAt === undefined ? {} : { updatedAt },
    )
  }
  let shown = queryKey.value
  watch(queryKey, (now) => {
    if (hashKey(now) !== hashKey(shown)) void shorten(shown)
    shown = now
  })
  onScopeDispose(() => void shorten(shown))

  const rows = computed(() => query.data.value?.pages.flatMap(({ items }) => items) ?? [])
  const reload = () => query.refetch()
  const loadMore = () => (query.hasNextPage.value && !query.isFetchingNextPage.value ? query.fetchNextPage() : undefined)
  return {
    rows,
    isLoading: query.isPending,
    isLoadingMore: query.isFetchingNextPage,
    hasMore: query.hasNextPage,
    error: query.error,
    reload,
    loadMore,
    /** all of it, as a data-list takes it: `v-bind="list"` */
    list: computed(() => ({
      rows: rows.value,
      isLoading: query.isPending.value,
      isLoadingMore: query.isFetchingNextPage.value,
      hasMore: query.hasNextPage.value,
      error: query.error.value,
      onReload: reload,
      onLoadMore: loadMore,
    })),
  }
}
