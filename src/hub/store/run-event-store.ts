import { sql } from 'kysely'
import { z } from 'zod'
import { type KeptRunEvent, keptRunEventSchema, type RunEvent } from '../../core/run-event.ts'
import type { Databases } from './databases.ts'
import { rowsToRead } from './page.ts'

const fieldsSchema = z.record(z.string(), z.unknown())

const mostEvents = 1000

export interface RunEventStore {
  /** Appends, numbered after the last one. Within a transaction, always. @returns them as they are kept */
  append(runId: string, events: readonly RunEvent[], options?: { firstNodeSeq?: number }): Promise<KeptRunEvent[]>
  /** In their order, those after `afterSeq`; at most 1000 */
  list(runId: string, afterSeq: number, limit: number): Promise<{ items: KeptRunEvent[]; more: boolean }>
}

export function createRunEventStore({ read, write }: Databases): RunEventStore {
  return {
    async append(runId, events, { firstNodeSeq } = {}) {
      if (events.length === 0) return []
      const { last_seq } = await write
        .updateTable('runs')
        .set({
          last_seq: sql`last_seq + ${events.length}`,
          ...(firstNodeSeq !== undefined && { node_seq: firstNodeSeq + events.length - 1 }),
        })
        .where('id', '=', runId)
        .returning('last_seq')
        .executeTakeFirstOrThrow()
      const kept = events.map((event, at) => ({ ...event, seq: last_seq - events.length + 1 + at }))
      const rows = kept.map(({ fields, ...event }, at) => ({
        ...event,
        run_id: runId,
        fields: JSON.stringify(fields),
        node_seq: firstNodeSeq === undefined ? null : firstNodeSeq + at,
      }))
      // A statement has room for some thousand rows.
      for (let at = 0; at < rows.length; at += mostEvents) {
        await write
          .insertInto('run_events')
          .values(rows.slice(at, at + mostEvents))
          .execute()
      }
      return kept
    },
    async list(runId, afterSeq, limit) {
      const rows = await read
        .selectFrom('run_events')
        .select(['seq', 'ts', 'level', 'kind', 'message', 'fields'])
        .where('run_id', '=', runId)
        .where('seq', '>', afterSeq)
        .orderBy('seq')
        .limit(rowsToRead(limit, mostEvents))
        .execute()
      const items = rows.slice(0, limit).map((row) => keptRunEventSchema.parse({ ...row, fields: fieldsSchema.parse(JSON.parse(row.fields)) }))
      return { items, more: rows.length > limit }
    },
  }
}
