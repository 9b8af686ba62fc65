/** One page of a list that is read by key: `cursor` is the id of the last item of the page before. */
export interface PageRequest {
  cursor?: string | undefined
  /** at most {@link largestPage} */
  limit: number
}

export interface Page<Item> {
  items: Item[]
  /** `null` at the end of the list */
  next_cursor: string | null
}

/** Reading an item of a list costs the event loop up to 0.1 ms. */
export const largestPage = 200

/** @param rows one more than `limit` when the list goes on */
export function pageOf<Row, Item>(rows: readonly Row[], limit: number, idOf: (row: Row) => string, itemOf: (row: Row) => Item): Page<Item> {
  const shown = rows.slice(0, limit)
  const last = shown.at(-1)
  return { items: shown.map(itemOf), next_cursor: rows.length > limit && last !== undefined ? idOf(last) : null }
}

/** How many rows to ask for. @throws RangeError for a page that is too large */
export function rowsToRead(limit: number, most: number = largestPage): number {
  if (!Number.isInteger(limit) || limit < 1 || limit > most) throw new RangeError(`a page has 1 to ${most} items, not ${limit}`)
  return limit + 1
}
