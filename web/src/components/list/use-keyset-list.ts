import { useInfiniteQuery } from '@tanstack/vue-query'
import { computed, type MaybeRefOrGetter, toValue } from 'vue'

interface Page<Row> {
  items: Row[]
  next_cursor: string | null
}

export interface KeysetListOptions<Row> {
  /** with what the list is filtered by: another filter is another list */
  key: MaybeRefOrGetter<readonly unknown[]>
  fetchPage(cursor: string | undefined): Promise<Page<Row>>
  enabled?: MaybeRefOrGetter<boolean>
}

/** A long list, page after page in the order of the Hub. In the query cache it is `{pages: [{items, next_cursor}], pageParams}`. */
export function useKeysetList<Row>({ key, fetchPage, enabled = true }: KeysetListOptions<Row>) {
  const query = useInfiniteQuery({
    queryKey: computed(() => toValue(key)),
    queryFn: ({ pageParam }) => fetchPage(pageParam),
    initialPageParam: undefined as string | undefined,
    getNextPageParam: ({ next_cursor }: Page<Row>) => next_cursor ?? undefined,
    enabled: computed(() => toValue(enabled)),
  })
  return {
    rows: computed(() => query.data.value?.pages.flatMap(({ items }) => items) ?? []),
    isLoading: query.isPending,
    isLoadingMore: query.isFetchingNextPage,
    hasMore: query.hasNextPage,
    error: query.error,
    reload: () => query.refetch(),
    loadMore: () => (query.hasNextPage.value && !query.isFetchingNextPage.value ? query.fetchNextPage() : undefined),
  }
}

/** Every page, one after the other: for lists that fit a browser, such as jobs. */
export async function allPages<Row>(fetchPage: (cursor: string | undefined) => Promise<Page<Row>>): Promise<Row[]> {
  const rows: Row[] = []
  let cursor: string | undefined
  do {
    const page = await fetchPage(cursor)
    rows.push(...page.items)
    cursor = page.next_cursor ?? undefined
  } while (cursor !== undefined)
  return rows
}
