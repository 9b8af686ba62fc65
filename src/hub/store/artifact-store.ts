import { type Selectable, sql } from 'kysely'
import { z } from 'zod'
import { artifactFields } from '../../core/artifact-record.ts'
import type { ArtifactStatus } from '../../core/artifact-status.ts'
import { BastionError } from '../../core/errors.ts'
import { failureSchema } from '../../core/run.ts'
import { suspicionSchema } from '../../core/suspicion.ts'
import { type ListedArtifact, listedArtifactSchema } from '../../protocol/artifact-listing.ts'
import { jobTargetSchema } from '../../protocol/job-spec.ts'
import type { Databases } from './databases.ts'
import { readJson, readJsonOrNull, writeJson } from './json-column.ts'
import { type Page, type PageRequest, pageOf, rowsToRead } from './page.ts'
import type { Tables } from './tables.ts'

const totalsSchema = z.record(z.string(), z.number())
const recipientsSchema = z.array(z.string())

/** What is known of the stored output of a successful run. Stands for itself: the job may write elsewhere by now. */
export const artifactRecordSchema = z.object({
  ...artifactFields,
  /** where it was stored: the job's target of that time, without credentials */
  target_snapshot: jobTargetSchema,
  /** age recipients; none means not encrypted */
  recipients: recipientsSchema,
  totals: totalsSchema,
  /** another Hub has stored it; null: this one */
  hub_id: z.string().nullable(),
})
export type ArtifactRecord = z.infer<typeof artifactRecordSchema>

/** An artifact as a run that has succeeded brings it. */
export type NewArtifact = Pick<
  ArtifactRecord,
  | 'run_id'
  | 'job_id'
  | 'node_id'
  | 'target_snapshot'
  | 'target_id'
  | 'manifest_hash'
  | 'artifact_format'
  | 'recipients'
  | 'grade'
  | 'holes'
  | 'totals'
  | 'completed_at'
  | 'ended_at'
> &
  Partial<Pick<ArtifactRecord, 'hub_id'>>

export type ArtifactChange = Partial<
  Pick<ArtifactRecord, 'status' | 'pinned_at' | 'deleted_at' | 'ignored_at' | 'last_error_kind' | 'last_error' | 'last_attempt_at'>
>

/** What is left out does not matter. Without `status`: all that may still be there. */
export interface ArtifactFilter {
  job_id?: string | undefined
  node_id?: string | undefined
  target_type?: string | undefined
  status?: ArtifactStatus | undefined
  pinned?: boolean | undefined
  /** those a person wants to hear no more of, instead of the others */
  ignored?: boolean | undefined
}

export const artifactSorts = ['ended_at', 'stored_bytes', 'source_bytes'] as const
export interface ArtifactOrder {
  sort: (typeof artifactSorts)[number]
  order: 'asc' | 'desc'
}

export interface ArtifactStore {
  insert(artifact: NewArtifact): Promise<void>
  get(runId: string): Promise<ArtifactRecord | null>
  /** as lists show it */
  listed(runId: string): Promise<ListedArtifact | null>
  list(filter: ArtifactFilter, order: ArtifactOrder, page: PageRequest): Promise<Page<ListedArtifact>>
  /** Compare and set: only while it is in `from`. @returns whether it was */
  change(runId: string, from: ArtifactStatus, change: ArtifactChange): Promise<boolean>
  /** The run whose artifact is the newest of the job that is there. */
  newestPresent(jobId: string): Promise<string | null>
  /** Run ids of a job's artifacts that may still be there, oldest first. */
  liveOf(jobId: string, after: string, limit: number): Promise<string[]>
  /** Which of `runIds` are artifacts of the job. */
  amongOf(jobId: string, runIds: readonly string[]): Promise<string[]>
  /** The newest one of a job that is present and that nobody doubts. */
  newestGood(jobId: string): Promise<string | null>
  /**
   * Those of a target that are taken for present, in the order of job and run ids.
   * @param after a place `job_id/run_id` that is left out · `upTo` the last place; null: from the first, to the last
   */
  presentOn(targetId: string, after: string | null, upTo: string | null): AsyncIterable<Pick<ArtifactRecord, 'job_id' | 'run_id'>>
  /** How many of a target were found missing since then, without a person who had said so before. */
  missingSince(targetId: string, since: number): Promise<number>
  /** How many there are of each status, ignored ones left out, and what those that are present take. */
  counts(): Promise<{
    status: Record<Exclude<ArtifactStatus, 'deleted' | 'missing'>, number>
    present: { target_type: string; stored_bytes: number }[]
  }>
}

/** Rows read at a time of a list that is gone through whole. */
const rowsTogether = 1000

export function createArtifactStore({ read, write }: Databases): ArtifactStore {
  const listed = () =>
    read
      .selectFrom('run_artifacts as artifact')
      .innerJoin('jobs as job', 'job.id', 'artifact.job_id')
      .selectAll('artifact')
      .select('job.name as job_name')

  return {
    async insert({ target_snapshot, totals, recipients, hub_id = null, ...plain }) {
      await write
        .insertInto('run_artifacts')
        .values({
          ...plain,
          status: 'present',
          target_type: target_snapshot.type,
          target_snapshot: writeJson(jobTargetSchema, target_snapshot),
          totals: writeJson(totalsSchema, totals),
          recipients: writeJson(recipientsSchema, recipients),
          files: totals['files'] ?? 0,
          source_bytes: totals['source_bytes'] ?? 0,
          stored_bytes: totals['stored_bytes'] ?? 0,
          hub_id,
          pinned_at: null,
          deleted_at: null,
          ignored_at: null,
          last_error_kind: null,
          last_error: null,
          last_attempt_at: null,
        })
        .execute()
    },
    async get(runId) {
      const row = await read.selectFrom('run_artifacts').selectAll().where('run_id', '=', runId).executeTakeFirst()
      return row === undefined ? null : artifactRecordSchema.parse(parsedColumns(row))
    },
    async listed(runId) {
      const row = await listed().where('artifact.run_id', '=', runId).executeTakeFirst()
      return row === undefined ? null : listedArtifact(row)
    },
    async list({ job_id, node_id, target_type, status, pinned, ignored = false }, { sort, order }, { cursor, limit }) {
      let query = listed().orderBy(`artifact.${sort}`, order).orderBy('artifact.run_id', order).limit(rowsToRead(limit))
      if (ignored) query = query.where('artifact.ignored_at', 'is not', null)
      else if (status === undefined) query = query.where('artifact.deleted_at', 'is', null).where('artifact.ignored_at', 'is', null)
      else if (status === 'error') query = query.where('artifact.ignored_at', 'is', null)
      if (status !== undefined) query = query.where('artifact.status', '=', status)
      if (job_id !== undefined) query = query.where('artifact.job_id', '=', job_id)
      if (node_id !== undefined) query = query.where('artifact.node_id', '=', node_id)
      if (target_type !== undefined) query = query.where('artifact.target_type', '=', target_type)
      if (pinned !== undefined) query = query.where('artifact.pinned_at', pinned ? 'is not' : 'is', null)
      if (cursor !== undefined) {
        const { value, runId } = readCursor(cursor)
        query = query.where(({ eb, refTuple, tuple }) =>
          eb(refTuple(`artifact.${sort}`, 'artifact.run_id'), order === 'asc' ? '>' : '<', tuple(value, runId)),
        )
      }
      return pageOf(await query.execute(), limit, (row) => `${row[sort]}.${row.run_id}`, listedArtifact)
    },
    async change(runId, from, { last_error, ...plain }) {
      const { numUpdatedRows } = await write
        .updateTable('run_artifacts')
        .set({ ...plain, ...(last_error !== undefined && { last_error: last_error === null ? null : writeJson(failureSchema, last_error) }) })
        .where('run_id', '=', runId)
        .where('status', '=', from)
        .executeTakeFirst()
      return numUpdatedRows > 0n
    },
    async newestPresent(jobId) {
      const row = await read
        .selectFrom('run_artifacts')
        .select('run_id')
        .where('job_id', '=', jobId)
        .where('deleted_at', 'is', null)
        .where('ignored_at', 'is', null)
        // By the job's own few, and not by all that are present.
        .where(sql`+status`, '=', 'present')
        .orderBy('ended_at', 'desc')
        .orderBy('run_id', 'desc')
        .limit(1)
        .executeTakeFirst()
      return row?.run_id ?? null
    },
    async liveOf(jobId, after, limit) {
      const rows = await read
        .selectFrom('run_artifacts')
        .select('run_id')
        .where('job_id', '=', jobId)
        .where('deleted_at', 'is', null)
        .where('ignored_at', 'is', null)
        .where('run_id', '>', after)
        .orderBy('run_id')
        .limit(limit)
        .execute()
      return rows.map(({ run_id }) => run_id)
    },
    async amongOf(jobId, runIds) {
      const rows = await read.selectFrom('run_artifacts').select('run_id').where('run_id', 'in', runIds).where('job_id', '=', jobId).execute()
      return rows.map(({ run_id }) => run_id)
    },
    async newestGood(jobId) {
      const row = await read
        .selectFrom('run_artifacts')
        .select('run_id')
        .where('job_id', '=', jobId)
        .where('deleted_at', 'is', null)
        .where('ignored_at', 'is', null)
        .where('status', '=', 'present')
        .where(({ or, eb }) => or([eb('suspicious', 'is', null), eb('judged', '=', 'accepted')]))
        .orderBy('ended_at', 'desc')
        .orderBy('run_id', 'desc')
        .limit(1)
        .executeTakeFirst()
      return row?.run_id ?? null
    },
    async *presentOn(targetId, after, upTo) {
      for (let [job = '', run = ''] = after?.split('/') ?? []; ;) {
        const query = read
          .selectFrom('run_artifacts')
          .select(['job_id', 'run_id'])
          .where('job_id', '>=', job)
          .where('target_id', '=', targetId)
          .where('status', '=', 'present')
          .where(({ eb, refTuple, tuple }) => eb(refTuple('job_id', 'run_id'), '>', tuple(job, run)))
          .orderBy('job_id')
          .orderBy('run_id')
          .limit(rowsTogether)
        const [lastJob = '', lastRun = ''] = upTo?.split('/') ?? []
        const rows = await (
          upTo === null ? query : query.where(({ eb, refTuple, tuple }) => eb(refTuple('job_id', 'run_id'), '<=', tuple(lastJob, lastRun)))
        ).execute()
        yield* rows
        const last = rows.at(-1)
        if (last === undefined || rows.length < rowsTogether) return
        ;[job, run] = [last.job_id, last.run_id]
      }
    },
    async missingSince(targetId, since) {
      const { total } = await read
        .selectFrom('run_artifacts as artifact')
        .innerJoin('artifact_delete_tasks as task', 'task.run_id', 'artifact.run_id')
        .select(({ fn }) => fn.countAll<number>().as('total'))
        .where('artifact.target_id', '=', targetId)
        .where('artifact.status', '=', 'missing')
        .where('artifact.deleted_at', '>=', since)
        .where('task.missing_confirmed', '=', 0)
        .executeTakeFirstOrThrow()
      return total
    },
    async counts() {
      const rows = await read
        .selectFrom('run_artifacts')
        .select(['status', 'target_type', ({ fn }) => fn.countAll<number>().as('total'), sql<number>`sum(stored_bytes)`.as('stored_bytes')])
        .where('status', 'in', ['present', 'deleting', 'error'])
        .where('deleted_at', 'is', null)
        .where('ignored_at', 'is', null)
        .groupBy(['status', 'target_type'])
        .execute()
      const of = (status: ArtifactStatus) => rows.filter((row) => row.status === status)
      const total = (status: ArtifactStatus) => of(status).reduce((sum, row) => sum + row.total, 0)
      return {
        status: { present: total('present'), deleting: total('deleting'), error: total('error') },
        present: of('present').map(({ target_type, stored_bytes }) => ({ target_type, stored_bytes })),
      }
    },
  }
}

type ArtifactRow = Selectable<Tables['run_artifacts']>

function parsedColumns(row: ArtifactRow) {
  return {
    ...row,
    target_snapshot: readJson(jobTargetSchema, row.target_snapshot),
    totals: readJson(totalsSchema, row.totals),
    recipients: readJson(recipientsSchema, row.recipients),
    last_error: readJsonOrNull(failureSchema, row.last_error),
    suspicious: readJsonOrNull(z.array(suspicionSchema), row.suspicious),
  }
}

function listedArtifact(row: ArtifactRow & { job_name: string }): ListedArtifact {
  const { target_snapshot: target, recipients, ...plain } = parsedColumns(row)
  return listedArtifactSchema.parse({ ...plain, target, encrypted: recipients.length > 0 })
}

/** Where the page before has ended. @throws invalid_spec */
function readCursor(cursor: string): { value: number; runId: string } {
  const at = cursor.indexOf('.')
  const value = Number(cursor.slice(0, at))
  if (at < 1 || !Number.isSafeInteger(value)) throw new BastionError('invalid_spec', 'the cursor is none of this list')
  return { value, runId: cursor.slice(at + 1) }
}
