import { type Selectable, sql } from 'kysely'
import { z } from 'zod'
import { type DeleteEvent, type KeptDeleteEvent, keptDeleteEventSchema } from '../../core/delete-event.ts'
import { type DeleteTask, type DeleteTaskChange, deleteTaskSchema } from '../../core/delete-task.ts'
import type { DeleteTaskStatus } from '../../core/delete-task-status.ts'
import { failureSchema } from '../../core/run.ts'
import type { Databases } from './databases.ts'
import { readJsonOrNull, writeJson } from './json-column.ts'
import { rowsToRead } from './page.ts'
import type { Tables } from './tables.ts'

/** A task as the Hub decides by it. */
export interface DeleteTaskRecord extends DeleteTask {
  /** the worker that holds it; null while nobody does */
  claimed_by: string | null
}

/** Tasks of one target that one node stored. `next_attempt_at`: of the first of them. */
export interface DuePlace {
  node_id: string
  target_id: string
  next_attempt_at: number
}

export interface FailingTarget {
  target_id: string
  tasks: number
  since: number
}

export interface DeleteTaskStore {
  insert(task: DeleteTask): Promise<void>
  get(runId: string): Promise<DeleteTaskRecord | null>
  /** Compare and set: only while it is in `from`. @param claimedBy who holds it from now on @returns whether it was */
  change(runId: string, from: DeleteTaskStatus, change: DeleteTaskChange, claimedBy?: string): Promise<boolean>
  /** The worker still works on those it holds. */
  extendLeases(claimedBy: string, runIds: readonly string[], leaseUntil: number): Promise<void>
  /** Run ids of tasks whose worker is somebody else than `claimedBy`, or has let its lease run out. */
  lost(claimedBy: string, now: number, limit: number): Promise<string[]>
  /** Where there is something to do, now or later. */
  places(): Promise<DuePlace[]>
  /** Those of a place that are due, the longest waiting first. */
  due(place: Pick<DuePlace, 'node_id' | 'target_id'>, now: number, limit: number): Promise<DeleteTaskRecord[]>
  /** Those of a place that are due and have not been told that they wait for their node, or have waited since before `before`. */
  untold(place: Pick<DuePlace, 'node_id' | 'target_id'>, now: number, before: number, limit: number): Promise<string[]>
  /** Run ids of those on a target that wait for a person to say that nothing is there indeed. */
  held(targetId: string, limit: number): Promise<string[]>
  /** Targets with tasks that wait for such a person. */
  holds(): Promise<{ target_id: string; artifacts: number; since: number }[]>
  /** Targets on which deletes fail: those that were tried in vain, and nobody ignores. */
  failingTargets(): Promise<FailingTarget[]>
  counts(): Promise<{ status: Record<DeleteTaskStatus, number>; oldestBlockedAt: number | null }>
  /** Appends to the log of a task, numbered after the last one. Within a transaction, always. */
  log(runId: string, event: DeleteEvent): Promise<KeptDeleteEvent>
  /** In their order, those after `afterSeq`; at most 1000 */
  events(runId: string, afterSeq: number, limit: number): Promise<KeptDeleteEvent[]>
}

const columns = [
  'run_id',
  'job_id',
  'node_id',
  'target_id',
  'status',
  'force',
  'requested_by',
  'requested_at',
  'since',
  'attempts',
  'touched',
  'missing_confirmed',
  'next_attempt_at',
  'last_attempt_at',
  'last_error_kind',
  'last_error',
  'claimed_by',
  'lease_until',
  'ended_at',
] as const satisfies readonly (keyof Tables['artifact_delete_tasks'])[]

/** Deletes of artifacts; removals of what runs have left that never became one. Their tables have the same columns. */
const tablesOf = {
  artifacts: { tasks: 'artifact_delete_tasks', events: 'artifact_delete_events' },
  incomplete: { tasks: 'incomplete_cleanup_tasks', events: 'incomplete_cleanup_events' },
} as const

const mostEvents = 1000
const fieldsSchema = z.record(z.string(), z.unknown())

export function createDeleteTaskStore({ read, write }: Databases, kind: keyof typeof tablesOf = 'artifacts'): DeleteTaskStore {
  // To the compiler they are those of artifacts: a question to either of two tables it cannot follow.
  const { tasks: taskTable, events: eventTable } = tablesOf[kind] as (typeof tablesOf)['artifacts']
  const tasks = () => read.selectFrom(taskTable)
  const runIds = (rows: readonly { run_id: string }[]) => rows.map(({ run_id }) => run_id)
  const dueAt = ({ node_id, target_id }: Pick<DuePlace, 'node_id' | 'target_id'>, now: number) =>
    tasks().where('node_id', '=', node_id).where('target_id', '=', target_id).where('next_attempt_at', '<=', now).orderBy('next_attempt_at')

  return {
    async insert({ force, touched, missing_confirmed, last_error, ...task }) {
      await write
        .insertInto(taskTable)
        .values({
          ...task,
          ...flagColumns({ force, touched, missing_confirmed }),
          last_error: errorColumn(last_error),
          claimed_by: null,
          last_seq: 0,
        })
        .execute()
    },
    async get(runId) {
      const row = await tasks().select(columns).where('run_id', '=', runId).executeTakeFirst()
      return row === undefined ? null : recordOf(row)
    },
    async change(runId, from, { force, touched, missing_confirmed, last_error, ...plain }, claimedBy) {
      const { numUpdatedRows } = await write
        .updateTable(taskTable)
        .set({
          ...plain,
          ...flagColumns({ force, touched, missing_confirmed }),
          ...(last_error !== undefined && { last_error: errorColumn(last_error) }),
          claimed_by: claimedBy ?? null,
        })
        .where('run_id', '=', runId)
        .where('status', '=', from)
        .executeTakeFirst()
      return numUpdatedRows > 0n
    },
    async extendLeases(claimedBy, ids, lease_until) {
      await write
        .updateTable(taskTable)
        .set({ lease_until })
        .where('run_id', 'in', ids)
        .where('status', '=', 'running')
        .where('claimed_by', '=', claimedBy)
        .execute()
    },
    async lost(claimedBy, now, limit) {
      const rows = await tasks()
        .select('run_id')
        .where('lease_until', 'is not', null)
        .where(({ or, eb }) => or([eb('lease_until', '<=', now), eb('claimed_by', '<>', claimedBy)]))
        .limit(limit)
        .execute()
      return runIds(rows)
    },
    async places() {
      return tasks()
        .select(['node_id', 'target_id', ({ fn }) => fn.min('next_attempt_at').as('next_attempt_at')])
        .where('next_attempt_at', 'is not', null)
        .groupBy(['node_id', 'target_id'])
        .$narrowType<{ next_attempt_at: number }>()
        .execute()
    },
    async due(place, now, limit) {
      return (await dueAt(place, now).select(columns).limit(limit).execute()).map(recordOf)
    },
    async untold(place, now, before, limit) {
      const rows = await dueAt(place, now)
        .select('run_id')
        .where(({ or, and, eb }) => {
          const isUntold = or([eb('last_error_kind', 'is', null), eb('last_error_kind', '<>', 'node_offline')])
          return or([and([eb('status', '<>', 'blocked'), isUntold]), eb('since', '<=', before)])
        })
        .limit(limit)
        .execute()
      return runIds(rows)
    },
    async held(targetId, limit) {
      const rows = await tasks()
        .select('run_id')
        .where('target_id', '=', targetId)
        .where('status', '=', 'blocked')
        .where('last_error_kind', '=', 'missing_held')
        .limit(limit)
        .execute()
      return runIds(rows)
    },
    async holds() {
      return tasks()
        .select(['target_id', ({ fn }) => fn.countAll<number>().as('artifacts'), ({ fn }) => fn.min('since').as('since')])
        .where('status', '=', 'blocked')
        .where('last_error_kind', '=', 'missing_held')
        .groupBy('target_id')
        .execute()
    },
    async failingTargets() {
      return tasks()
        .select(['target_id', ({ fn }) => fn.countAll<number>().as('tasks'), ({ fn }) => fn.min('since').as('since')])
        .where('status', 'in', ['retrying', 'blocked', 'abandoned'])
        .where('last_error_kind', 'is not', null)
        .where('last_error_kind', '<>', 'node_offline')
        .groupBy('target_id')
        .execute()
    },
    async counts() {
      const rows = await tasks()
        .select(['status', ({ fn }) => fn.countAll<number>().as('total'), ({ fn }) => fn.min('since').as('oldest')])
        .groupBy('status')
        .execute()
      const of = (status: DeleteTaskStatus) => rows.find((row) => row.status === status)
      const total = (status: DeleteTaskStatus) => of(status)?.total ?? 0
      return {
        status: {
          queued: total('queued'),
          running: total('running'),
          retrying: total('retrying'),
          blocked: total('blocked'),
          abandoned: total('abandoned'),
          done: total('done'),
          ignored: total('ignored'),
        },
        oldestBlockedAt: of('blocked')?.oldest ?? null,
      }
    },
    async log(runId, { fields, ...event }) {
      const { last_seq: seq } = await write
        .updateTable(taskTable)
        .set({ last_seq: sql`last_seq + 1` })
        .where('run_id', '=', runId)
        .returning('last_seq')
        .executeTakeFirstOrThrow()
      await write
        .insertInto(eventTable)
        .values({ ...event, run_id: runId, seq, fields: JSON.stringify(fields) })
        .execute()
      return { ...event, fields, seq }
    },
    async events(runId, afterSeq, limit) {
      const rows = await read
        .selectFrom(eventTable)
        .select(['seq', 'ts', 'level', 'kind', 'message', 'fields'])
        .where('run_id', '=', runId)
        .where('seq', '>', afterSeq)
        .orderBy('seq')
        .limit(rowsToRead(limit, mostEvents) - 1)
        .execute()
      return rows.map((row) => keptDeleteEventSchema.parse({ ...row, fields: fieldsSchema.parse(JSON.parse(row.fields)) }))
    },
  }
}

type TaskRow = Pick<Selectable<Tables['artifact_delete_tasks']>, (typeof columns)[number]>

function recordOf(row: TaskRow): DeleteTaskRecord {
  const task = deleteTaskSchema.parse({
    ...row,
    force: row.force === 1,
    touched: row.touched === 1,
    missing_confirmed: row.missing_confirmed === 1,
    last_error: readJsonOrNull(failureSchema, row.last_error),
  })
  return { ...task, claimed_by: row.claimed_by }
}

/** SQLite has no booleans. What is absent stays. */
function flagColumns<Name extends string>(flags: Record<Name, boolean>): Record<Name, number>
function flagColumns<Name extends string>(flags: Partial<Record<Name, boolean | undefined>>): Partial<Record<Name, number>>
function flagColumns(flags: Record<string, boolean | undefined>): Record<string, number> {
  return Object.fromEntries(Object.entries(flags).flatMap(([name, flag]) => (flag === undefined ? [] : [[name, flag ? 1 : 0]])))
}

function errorColumn(error: DeleteTask['last_error']): string | null {
  return error === null ? null : writeJson(failureSchema, error)
}
