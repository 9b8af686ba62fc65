import { sql } from 'kysely'
import { z } from 'zod'
import type { WorkNoun } from '../../core/work-state.ts'
import { type KeptRunEvent, keptRunEventSchema, type RunEvent } from '../../core/run-event.ts'
import type { Databases } from './databases.ts'
import { rowsToRead } from './page.ts'

const fieldsSchema = z.record(z.string(), z.unknown())

const mostEvents = 1000

/** The events of runs, or of operations. */
export interface WorkEventStore {
  /** Appends, numbered after the last one. Within a transaction, always. @returns them as they are kept */
  append(id: string, events: readonly RunEvent[], options?: { firstNodeSeq?: number }): Promise<KeptRunEvent[]>
  /** In their order, those after `afterSeq`; at most 1000 */
  list(id: string, afterSeq: number, limit: number): Promise<{ items: KeptRunEvent[]; more: boolean }>
}

/** Both pairs of tables have the same columns, but for the name of whose event it is. Kysely checks the one. */
const tablesOf = {
  run: { owners: 'runs', events: 'run_events', ownerId: 'run_id' },
  operation: { owners: 'operations' as 'runs', events: 'operation_events' as 'run_events', ownerId: 'operation_id' as 'run_id' },
} as const

export function createWorkEventStore({ read, write }: Databases, noun: WorkNoun): WorkEventStore {
  const { owners, events: table, ownerId } = tablesOf[noun]
  return {
    async append(id, events, { firstNodeSeq } = {}) {
      if (events.length === 0) return []
      const { last_seq } = await write
        .updateTable(owners)
        .set({
          last_seq: sql`last_seq + ${events.length}`,
          ...(firstNodeSeq !== undefined && { node_seq: firstNodeSeq + events.length - 1 }),
        })
        .where('id', '=', id)
        .returning('last_seq')
        .executeTakeFirstOrThrow()
      const kept = events.map((event, at) => ({ ...event, seq: last_seq - events.length + 1 + at }))
      const rows = kept.map(({ fields, ...event }, at) => ({
        ...event,
        [ownerId]: id,
        fields: JSON.stringify(fields),
        node_seq: firstNodeSeq === undefined ? null : firstNodeSeq + at,
      }))
      // A statement has room for some thousand rows.
      for (let at = 0; at < rows.length; at += mostEvents) {
        await write
          .insertInto(table)
          .values(rows.slice(at, at + mostEvents))
          .execute()
      }
      return kept
    },
    async list(id, afterSeq, limit) {
      const rows = await read
        .selectFrom(table)
        .select(['seq', 'ts', 'level', 'kind', 'message', 'fields'])
        .where(ownerId, '=', id)
        .where('seq', '>', afterSeq)
        .orderBy('seq')
        .limit(rowsToRead(limit, mostEvents))
        .execute()
      const items = rows.slice(0, limit).map((row) => keptRunEventSchema.parse({ ...row, fields: fieldsSchema.parse(JSON.parse(row.fields)) }))
      return { items, more: rows.length > limit }
    },
  }
}
