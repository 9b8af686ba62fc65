/** A column of a data-list. Its cells are the slot `cell-KEY`, which gets the row. */
export interface ListColumn<Row> {
  key: string
  title: string
  /** a CSS width, such as `8rem`; what has none shares the rest */
  width?: string
  /** on phones, where it is another */
  narrowWidth?: string
  align?: 'end'
  /** shown from this width of the window on: `md` is not on phones */
  from?: 'sm' | 'md' | 'lg' | 'xl' | '2xl'
  /** by what one may sort; only for lists that are here as a whole */
  sortBy?: (row: Row) => string | number | null
  /** not shown unless it was chosen */
  isExtra?: boolean
  /** cannot be hidden */
  isFixed?: boolean
}

/** `name` or `-name` */
export function sortRows<Row>(rows: readonly Row[], columns: readonly ListColumn<Row>[], sort: string): readonly Row[] {
  const isDescending = sort.startsWith('-')
  const sortBy = columns.find(({ key }) => key === sort.replace(/^-/, ''))?.sortBy
  if (sortBy === undefined) return rows
  // Made once: a comparison of its own for each pair of a hundred thousand rows takes seconds.
  const words = new Intl.Collator(undefined, { numeric: true })
  const keyed = rows.map((row) => ({ row, key: sortBy(row) }))
  return keyed.toSorted((a, b) => (isDescending ? -1 : 1) * compare(a.key, b.key, words)).map(({ row }) => row)
}

/** What is not there comes first. */
function compare(a: string | number | null, b: string | number | null, words: Intl.Collator): number {
  if (a === null || b === null) return Number(b === null) - Number(a === null)
  return typeof a === 'number' && typeof b === 'number' ? a - b : words.compare(String(a), String(b))
}
