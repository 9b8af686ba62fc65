import { z } from 'zod'

/** Lists are read page by page: `cursor` is the `next_cursor` of the page before. It means nothing but to the list that gave it. */
export const pageQuery = {
  cursor: z.string().max(1000).optional(),
  limit: z.coerce.number<number | string>().int().min(1).max(200).default(50),
}

/** Of a log that is read by sequence number. */
export const eventsQuery = z.object({
  after_seq: z.coerce.number<number | string>().int().nonnegative().default(0),
  limit: z.coerce.number<number | string>().int().min(1).max(1000).default(200),
})

/** `next_cursor` is null on the last page. */
export function pageOf<Item extends z.ZodType>(item: Item) {
  return z.object({ items: z.array(item), next_cursor: z.string().nullable() })
}

/** A list that is never long. */
export function listOf<Item extends z.ZodType>(item: Item) {
  return z.object({ items: z.array(item) })
}
