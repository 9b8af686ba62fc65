import type { InfiniteData } from '@tanstack/vue-query'

/** A list that is read page after page, as far as it has been read. */
export type KeysetPages<Row> = InfiniteData<KeysetPage<Row>, string | undefined>
export interface KeysetPage<Row> {
  items: Row[]
  next_cursor: string | null
}

/** Changes one row where it stands. What has not changed stays the same object, the whole list where it has no such row. */
export function patchRow<Row>(list: KeysetPages<Row>, isWanted: (row: Row) => boolean, patch: (row: Row) => Row): KeysetPages<Row> {
  return withPage(list, isWanted, (items) => items.map((row) => (isWanted(row) ? patch(row) : row)))
}

export function dropRow<Row>(list: KeysetPages<Row>, isWanted: (row: Row) => boolean): KeysetPages<Row> {
  return withPage(list, isWanted, (items) => items.filter((row) => !isWanted(row)))
}

/** Adds a row in the order of the list. One that belongs behind what has been read is left out: it comes with its page. */
export function addRow<Row>(list: KeysetPages<Row>, row: Row, comesBefore: (one: Row, other: Row) => boolean): KeysetPages<Row> {
  const follows = (other: Row) => comesBefore(row, other)
  const isBefore = (page: KeysetPage<Row>) => page.items.length > 0 && follows(page.items.at(-1)!)
  const at = list.pages.findIndex(isBefore)
  if (at !== -1) return replacePage(list, at, (items) => items.toSpliced(items.findIndex(follows), 0, row))
  return list.pages.at(-1)?.next_cursor === null ? replacePage(list, list.pages.length - 1, (items) => [...items, row]) : list
}

export function hasRow<Row>(list: KeysetPages<Row>, isWanted: (row: Row) => boolean): boolean {
  return list.pages.some(({ items }) => items.some(isWanted))
}

function withPage<Row>(list: KeysetPages<Row>, isWanted: (row: Row) => boolean, change: (items: Row[]) => Row[]): KeysetPages<Row> {
  const at = list.pages.findIndex(({ items }) => items.some(isWanted))
  return at === -1 ? list : replacePage(list, at, change)
}

function replacePage<Row>(list: KeysetPages<Row>, at: number, change: (items: Row[]) => Row[]): KeysetPages<Row> {
  return { ...list, pages: list.pages.with(at, { ...list.pages[at]!, items: change(list.pages[at]!.items) }) }
}
