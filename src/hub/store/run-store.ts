import { z } from 'zod'
import { progressSchema } from '../../core/run-event.ts'
import type { RunDetail } from '../../core/run-detail.ts'
import { failureSchema, type Run } from '../../core/run.ts'
import { secretNameSchema } from '../../core/job.ts'
import { type RunState, runStates, type RunStatus, runStatus } from '../../core/run-state.ts'
import { runPlanSchema } from '../../protocol/run-plan.ts'
import type { Databases } from './databases.ts'
import { readJsonOrNull, writeJson } from './json-column.ts'
import { type Page, type PageRequest, pageOf, rowsToRead } from './page.ts'
import { listedColumns, type ListedRow, listedRun } from './run-row.ts'
import { createWorkStore, withNodeStates, type WorkRecord, type WorkStore } from './work-store.ts'

const summarySchema = z.record(z.string(), z.unknown())

/** What a node was offered. Kept until the run has ended, so that an offer that is made again is the same. */
export const keptOfferSchema = z.object({ plan: runPlanSchema, secret_name: secretNameSchema.nullable() })
export type KeptOffer = z.infer<typeof keptOfferSchema>

/** A run as the Hub decides by it. */
export interface RunRecord extends Run, Pick<WorkRecord, 'last_seq' | 'node_seq'> {
  offered_at: number | null
}

export type NewRun = Pick<
  Run,
  'id' | 'job_id' | 'node_id' | 'state' | 'error' | 'retry_of' | 'attempt' | 'fire_at' | 'not_before' | 'folded' | 'created_at' | 'ended_at'
>

/** What a transition writes; what is absent stays. */
export type RunChange = Partial<
  Pick<
    RunRecord,
    | 'state'
    | 'outcome'
    | 'error'
    | 'not_before'
    | 'folded'
    | 'offered_at'
    | 'started_at'
    | 'ended_at'
    | 'cancel_requested_at'
    | 'grade'
    | 'consistency_changed_total'
    | 'issues_total'
    | 'progress'
  >
> & { offer?: KeptOffer | null; summary?: Record<string, unknown>; is_clean?: boolean }

export interface RunFilter {
  job_id?: string | undefined
  status?: RunStatus | undefined
}

export interface RunStore extends WorkStore<RunRecord> {
  /** `false`: the job has a run of this fire time already, and nothing was written. */
  insert(run: NewRun): Promise<boolean>
  /** as lists show it */
  listed(id: string): Promise<Run | null>
  detail(id: string): Promise<RunDetail | null>
  offer(id: string): Promise<KeptOffer | null>
  /** Newest first. */
  list(filter: RunFilter, page: PageRequest): Promise<Page<Run>>
  /** Compare and set: only while it is in `from`. @returns whether it was */
  change(id: string, from: RunState, change: RunChange): Promise<boolean>
  /** Runs of a job that have not ended, oldest first. */
  unended(jobId: string): Promise<RunRecord[]>
  /** Queued runs of the node that may start by `now`, oldest first; of a job that has one with the node, none. */
  startable(nodeId: string, now: number, limit: number): Promise<RunRecord[]>
  /** When the next run of the node may start that may not start by `now`. */
  nextStart(nodeId: string, now: number): Promise<number | null>
}

const recordColumns = [...listedColumns, 'last_seq', 'node_seq', 'offered_at'] as const

export function createRunStore(databases: Databases): RunStore {
  const { read, write } = databases
  const records = () => read.selectFrom('runs').select(recordColumns)
  // Said though the states say it too: the indexes of what is under way are of these alone.
  const unended = () => records().where('ended_at', 'is', null)

  return {
    ...createWorkStore(databases, { table: 'runs', columns: recordColumns, recordOf }),
    async insert({ error, ...run }) {
      const { numInsertedOrUpdatedRows } = await write
        .insertInto('runs')
        .values({
          ...run,
          error: error === null ? null : writeJson(failureSchema, error),
          outcome: null,
          offered_at: null,
          offer: null,
          started_at: null,
          cancel_requested_at: null,
          grade: null,
          progress: null,
          summary: null,
        })
        .onConflict((conflict) => conflict.columns(['job_id', 'fire_at']).where('fire_at', 'is not', null).doNothing())
        .executeTakeFirst()
      return (numInsertedOrUpdatedRows ?? 0n) > 0n
    },
    async listed(id) {
      const row = await read.selectFrom('runs').select(listedColumns).where('id', '=', id).executeTakeFirst()
      return row === undefined ? null : listedRun(row)
    },
    async detail(id) {
      const row = await read.selectFrom('runs').select(listedColumns).select('summary').where('id', '=', id).executeTakeFirst()
      return row === undefined ? null : { ...listedRun(row), summary: readJsonOrNull(summarySchema, row.summary) }
    },
    async offer(id) {
      const row = await read.selectFrom('runs').select('offer').where('id', '=', id).executeTakeFirst()
      return readJsonOrNull(keptOfferSchema, row?.offer ?? null)
    },
    async list({ job_id, status }, { cursor, limit }) {
      let query = read.selectFrom('runs').select(listedColumns).orderBy('id', 'desc').limit(rowsToRead(limit))
      if (job_id !== undefined) query = query.where('job_id', '=', job_id)
      if (status !== undefined) query = query.where('state', 'in', statesOf(status))
      if (cursor !== undefined) query = query.where('id', '<', cursor)
      return pageOf(await query.execute(), limit, (row) => row.id, listedRun)
    },
    async change(id, from, { offer, summary, error, progress, is_clean, ...plain }) {
      const { numUpdatedRows } = await write
        .updateTable('runs')
        .set({
          ...plain,
          ...(error !== undefined && { error: error === null ? null : writeJson(failureSchema, error) }),
          ...(offer !== undefined && { offer: offer === null ? null : writeJson(keptOfferSchema, offer) }),
          ...(progress !== undefined && { progress: progress === null ? null : writeJson(progressSchema, progress) }),
          ...(summary !== undefined && { summary: writeJson(summarySchema, summary) }),
          ...(is_clean !== undefined && { is_clean: is_clean ? 1 : 0 }),
        })
        .where('id', '=', id)
        .where('state', '=', from)
        .executeTakeFirst()
      return numUpdatedRows > 0n
    },
    async unended(jobId) {
      const rows = await unended().where('job_id', '=', jobId).orderBy('id').execute()
      return rows.map(recordOf)
    },
    async startable(nodeId, now, limit) {
      const rows = await read
        .selectFrom('runs as run')
        .select(recordColumns.map((column) => `run.${column}` as const))
        .where('run.ended_at', 'is', null)
        .where('run.node_id', '=', nodeId)
        .where('run.state', '=', 'queued')
        .where(({ or, eb }) => or([eb('run.not_before', 'is', null), eb('run.not_before', '<=', now)]))
        .where(({ not, exists, selectFrom }) =>
          not(
            exists(
              selectFrom('runs as other').select('other.id').whereRef('other.job_id', '=', 'run.job_id').where('other.state', 'in', withNodeStates),
            ),
          ),
        )
        .orderBy('run.id')
        .limit(limit)
        .execute()
      return rows.map(recordOf)
    },
    async nextStart(nodeId, now) {
      const row = await read
        .selectFrom('runs')
        .select(({ fn }) => fn.min('not_before').as('at'))
        .where('ended_at', 'is', null)
        .where('node_id', '=', nodeId)
        .where('state', '=', 'queued')
        .where('not_before', '>', now)
        .executeTakeFirst()
      return row?.at ?? null
    },
  }
}

function recordOf(row: ListedRow & Pick<RunRecord, 'last_seq' | 'node_seq' | 'offered_at'>): RunRecord {
  return { ...listedRun(row), last_seq: row.last_seq, node_seq: row.node_seq, offered_at: row.offered_at }
}

function statesOf(status: RunStatus): RunState[] {
  return runStates.filter((state) => runStatus(state) === status)
}
