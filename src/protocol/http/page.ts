import { z } from 'zod'
import { mostVersionsAtOnce } from '../../core/file-version.ts'
import { largestEntriesPage } from './page-sizes.ts'

const cursor = z.string().max(1000).optional()
const limitUpTo = (most: number, usual: number) => z.coerce.number<number | string>().int().min(1).max(most).default(usual)

/** Lists are read page by page: `cursor` is the `next_cursor` of the page before. It means nothing but to the list that gave it. */
export const pageQuery = { cursor, limit: limitUpTo(200, 50) }

export const entriesPageQuery = { cursor, limit: limitUpTo(largestEntriesPage, 50) }

/** A page of versions of a file opens as many artifacts. */
export const versionsPageQuery = { cursor, limit: limitUpTo(mostVersionsAtOnce, 20) }

/** Of a log that is read by sequence number. */
export const eventsQuery = z.object({
  after_seq: z.coerce.number<number | string>().int().nonnegative().default(0),
  limit: limitUpTo(1000, 200),
})

/** `next_cursor` is null on the last page. */
export function pageOf<Item extends z.ZodType>(item: Item) {
  return z.object({ items: z.array(item), next_cursor: z.string().nullable() })
}

/** A list that is never long. */
export function listOf<Item extends z.ZodType>(item: Item) {
  return z.object({ items: z.array(item) })
}
