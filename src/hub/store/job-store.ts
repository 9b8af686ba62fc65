import type { Selectable } from 'kysely'
import { operationSchema } from '../../core/operation.ts'
import { type RunState, runStatus } from '../../core/run-state.ts'
import { type Job, jobSpecSchema, type JobSpec } from '../../protocol/job-spec.ts'
import type { Databases } from './databases.ts'
import { readJson, writeJson } from './json-column.ts'
import { type Page, type PageRequest, pageOf, rowsToRead } from './page.ts'
import { listedColumns, listedRun, type ListedRow } from './run-row.ts'
import type { Tables } from './tables.ts'

/** A job as the Hub decides by it. */
export interface JobRecord {
  id: string
  spec: JobSpec
  /** the target its first run has found; a run that finds another one there stops */
  target_id: string | null
  next_run_at: number | null
  created_at: number
  updated_at: number
  archived_at: number | null
}

export interface JobFilter {
  archived?: boolean | undefined
  node_id?: string | undefined
}

export interface JobStore {
  insert(job: JobRecord): Promise<void>
  get(id: string): Promise<JobRecord | null>
  /** with its last run */
  describe(id: string): Promise<Job | null>
  /** Newest first, each with its last run. */
  list(filter: JobFilter, page: PageRequest): Promise<Page<Job>>
  /** Everything a person decides, and what follows from it. @returns whether it was there */
  update(id: string, change: Pick<JobRecord, 'spec' | 'target_id' | 'next_run_at' | 'updated_at'>): Promise<boolean>
  archive(id: string, change: Pick<JobRecord, 'archived_at' | 'next_run_at' | 'updated_at'>): Promise<boolean>
  /** The target of its first artifact; a later one changes nothing. */
  learnTarget(id: string, targetId: string): Promise<void>
  /** How its last run that came to an end ended. */
  noteEnded(id: string, state: RunState): Promise<void>
  /** Its last drill, however it ended. */
  noteDrill(id: string, operationId: string): Promise<void>
  /** What a drill of it has proven. */
  noteProven(id: string, proven: { proven_at: number; proven_run_id: string; proven_restore_ms: number }): Promise<void>
  /** Names of jobs that write with a secret of their node; archived ones write no more. */
  usingSecret(nodeId: string, secretName: string, limit: number): Promise<string[]>
  /** Jobs of a node by their next time, those without left out: `next_run_at` from `from` on. */
  upcoming(nodeId: string, from: number, limit: number): Promise<{ id: string; name: string; next_run_at: number }[]>
}

const columns = ['id', 'name', 'node_id', 'spec', 'target_id', 'next_run_at', 'created_at', 'updated_at', 'archived_at'] as const
const provenColumns = ['next_drill_at', 'proven_at', 'proven_run_id', 'proven_restore_ms'] as const
const drillColumns = ['id', 'run_id', 'state', 'ended_at'] as const
type JobRow = Pick<Selectable<Tables['jobs']>, (typeof columns)[number]>

export function createJobStore({ read, write }: Databases): JobStore {
  function described() {
    return read
      .selectFrom('jobs as job')
      .leftJoin('runs as run', (join) =>
        join.on('run.id', '=', (eb) => eb.selectFrom('runs').select('id').whereRef('job_id', '=', 'job.id').orderBy('id', 'desc').limit(1)),
      )
      .leftJoin('operations as drill', 'drill.id', 'job.last_drill_id')
      .select(columns.map((column) => `job.${column}` as const))
      .select(provenColumns.map((column) => `job.${column}` as const))
      .select(drillColumns.map((column) => `drill.${column} as drill_${column}` as const))
      .select(listedColumns.map((column) => `run.${column} as run_${column}` as const))
      .$castTo<DescribedRow>()
  }

  return {
    async insert(job) {
      await write
        .insertInto('jobs')
        .values({ ...rowOf(job), secret_name: secretOf(job.spec), last_ended_state: null })
        .execute()
    },
    async get(id) {
      const row = await read.selectFrom('jobs').select(columns).where('id', '=', id).executeTakeFirst()
      return row === undefined ? null : recordOf(row)
    },
    async describe(id) {
      const row = await described().where('job.id', '=', id).executeTakeFirst()
      return row === undefined ? null : describedJob(row)
    },
    async list({ archived = false, node_id }, { cursor, limit }) {
      let query = described()
        .where('job.archived_at', archived ? 'is not' : 'is', null)
        .orderBy('job.id', 'desc')
        .limit(rowsToRead(limit))
      if (node_id !== undefined) query = query.where('job.node_id', '=', node_id)
      if (cursor !== undefined) query = query.where('job.id', '<', cursor)
      return pageOf(await query.execute(), limit, (row) => row.id, describedJob)
    },
    async update(id, { spec, ...change }) {
      const { numUpdatedRows } = await write
        .updateTable('jobs')
        .set({ name: spec.name, node_id: spec.node_id, secret_name: secretOf(spec), spec: writeJson(jobSpecSchema, spec), ...change })
        .where('id', '=', id)
        .executeTakeFirst()
      return numUpdatedRows > 0n
    },
    async archive(id, change) {
      const { numUpdatedRows } = await write.updateTable('jobs').set(change).where('id', '=', id).executeTakeFirst()
      return numUpdatedRows > 0n
    },
    async learnTarget(id, target_id) {
      await write.updateTable('jobs').set({ target_id }).where('id', '=', id).where('target_id', 'is', null).execute()
    },
    async noteEnded(id, state) {
      await write.updateTable('jobs').set({ last_ended_state: state }).where('id', '=', id).execute()
    },
    async noteDrill(id, last_drill_id) {
      await write.updateTable('jobs').set({ last_drill_id }).where('id', '=', id).execute()
    },
    async noteProven(id, proven) {
      await write.updateTable('jobs').set(proven).where('id', '=', id).execute()
    },
    async usingSecret(nodeId, secretName, limit) {
      const rows = await read
        .selectFrom('jobs')
        .select('name')
        .where('node_id', '=', nodeId)
        .where('secret_name', '=', secretName)
        .where('archived_at', 'is', null)
        .limit(limit)
        .execute()
      return rows.map(({ name }) => name)
    },
    async upcoming(nodeId, from, limit) {
      const rows = await read
        .selectFrom('jobs')
        .select(['id', 'name', 'next_run_at'])
        .where('node_id', '=', nodeId)
        .where('next_run_at', '>=', from)
        .orderBy('next_run_at')
        .limit(limit)
        .$narrowType<{ next_run_at: number }>()
        .execute()
      return rows
    },
  }
}

function rowOf({ spec, ...job }: JobRecord): JobRow {
  return { ...job, name: spec.name, node_id: spec.node_id, spec: writeJson(jobSpecSchema, spec) }
}

function secretOf({ target }: JobSpec): string | null {
  return ('secret_name' in target ? target.secret_name : undefined) ?? null
}

function recordOf({ spec, name: _name, node_id: _nodeId, ...row }: JobRow): JobRecord {
  return { ...row, spec: readJson(jobSpecSchema, spec) }
}

type DrillRow = Pick<Selectable<Tables['operations']>, (typeof drillColumns)[number]>
type DescribedRow = JobRow &
  Pick<Selectable<Tables['jobs']>, (typeof provenColumns)[number]> & { [Column in keyof DrillRow as `drill_${Column}`]: DrillRow[Column] | null } & {
    [Column in keyof ListedRow as `run_${Column}`]: ListedRow[Column] | null
  }

function describedJob(row: DescribedRow): Job {
  const { spec, target_id: _targetId, ...job } = recordOf(row)
  const run = Object.fromEntries(listedColumns.map((column) => [column, row[`run_${column}`]])) as ListedRow | Record<keyof ListedRow, null>
  return {
    ...spec,
    id: job.id,
    created_at: job.created_at,
    updated_at: job.updated_at,
    archived_at: job.archived_at,
    next_run_at: job.next_run_at,
    next_drill_at: row.next_drill_at,
    last_proven_restorable_at: row.proven_at,
    last_proven_run_id: row.proven_run_id,
    measured_restore_seconds: row.proven_restore_ms === null ? null : row.proven_restore_ms / 1000,
    last_drill: lastDrillOf(row),
    last_run: run.id === null ? null : listedRun(run),
  }
}

function lastDrillOf({ drill_id, drill_run_id, drill_state, drill_ended_at }: DescribedRow): Job['last_drill'] {
  if (drill_id === null || drill_run_id === null || drill_ended_at === null) return null
  const status = operationSchema.shape.status.parse(runStatus(drill_state as RunState))
  return { operation_id: drill_id, run_id: drill_run_id, status, ended_at: drill_ended_at }
}
