import { sql } from 'kysely'
import { z } from 'zod'
import type { CoverageItem } from '../../core/coverage.ts'
import type { Grade } from '../../core/grade.ts'
import { type JobRetention, jobRetentionSchema } from '../../core/retention.ts'
import type { EndedRun, TargetDeletes } from '../../core/retention-brakes.ts'
import type { RetentionArtifact, RetentionStanding } from '../../core/retention-decision.ts'
import { type AcceptedRun, type Judgement, judgementSchema, type Suspicion, suspicionSchema } from '../../core/suspicion.ts'
import { failureSchema } from '../../core/run.ts'
import { sourceReportOf } from '../../core/source-report.ts'
import type { Databases } from './databases.ts'
import { readJson, readJsonOrNull, writeJson } from './json-column.ts'

/** An artifact that is there, and the target it is on. */
export interface HeldArtifact extends RetentionArtifact {
  target_id: string
}

/** A job, as far as retention goes. */
export interface RetainedJob {
  id: string
  retention: JobRetention
  schedule: string | null
  schedule_timezone: string
  archived_at: number | null
}

export interface SuspiciousArtifact {
  run_id: string
  files: number
  source_bytes: number
  suspicions: Suspicion[]
  judged: Judgement | null
}

export interface RetentionStore {
  job(id: string): Promise<RetainedJob | null>
  /** Those that are not archived and not about to go, by id. */
  jobs(afterId: string, limit: number): Promise<RetainedJob[]>
  /** Everything of a job that is there, damaged artifacts too. */
  artifacts(jobId: string): Promise<HeldArtifact[]>
  /** How many deletes retention has asked for of a job within a time. */
  requestedWithin(jobId: string, time: { since: number; until: number }): Promise<number>
  /** What is found of an artifact when its run ends. */
  note(runId: string, facts: { made_at: number; suspicions: Suspicion[] }): Promise<void>
  /**
   * The last runs that were not suspicious or that a person has accepted, but this one, the newest first; only the newest with its coverage. None that ended after
   * `until`: a clock that was far ahead once must not make its runs the last ones for as long.
   */
  acceptedBefore(runId: string, jobId: string, options: { until: number; limit: number }): Promise<AcceptedRun[]>
  /** Suspicious artifacts that are there and wait for a person, the newest first. */
  unjudged(jobId: string, limit: number): Promise<SuspiciousArtifact[]>
  /** `null`: it is no suspicious artifact of this job, or it is not there any more. */
  suspicious(jobId: string, runId: string): Promise<SuspiciousArtifact | null>
  coverage(runId: string): Promise<CoverageItem[]>
  judge(runId: string, judged: Judgement, now: number): Promise<void>
  /** The last runs that came to an end of their own, the newest first; none that was made after `until`. */
  lastEnded(jobId: string, options: { until: number; limit: number }): Promise<EndedRun[]>
  /** Targets on which a delete has failed and is neither done nor ignored. */
  failingTargets(): Promise<TargetDeletes[]>
  lastSuccess(targetId: string): Promise<number | null>
}

const suspicionsSchema = z.array(suspicionSchema)
const specSchema = z.object({ retention: jobRetentionSchema, schedule: z.string().nullable(), schedule_timezone: z.string() })
const suspiciousColumns = ['run_id', 'files', 'source_bytes', 'suspicious', 'judged'] as const

export function createRetentionStore({ read, write }: Databases): RetentionStore {
  const suspicious = (jobId: string) =>
    read
      .selectFrom('run_artifacts')
      .select(suspiciousColumns)
      .where('job_id', '=', jobId)
      .where('suspicious', 'is not', null)
      .where('status', '=', 'present')
      .$narrowType<{ suspicious: string }>()

  async function coverage(runId: string): Promise<CoverageItem[]> {
    const row = await read.selectFrom('runs').select('summary').where('id', '=', runId).executeTakeFirst()
    return sourceReportOf(JSON.parse(row?.summary ?? 'null')).coverage
  }

  return {
    coverage,
    async job(id) {
      const row = await read.selectFrom('jobs').select(['id', 'spec', 'archived_at']).where('id', '=', id).executeTakeFirst()
      return row === undefined ? null : retainedJob(row)
    },
    async jobs(afterId, limit) {
      const rows = await read
        .selectFrom('jobs')
        .select(['id', 'spec', 'archived_at'])
        .where('archived_at', 'is', null)
        .where('removing_at', 'is', null)
        .where('id', '>', afterId)
        .orderBy('id')
        .limit(limit)
        .execute()
      return rows.map(retainedJob)
    },
    async artifacts(jobId) {
      // As one text: a thousand rows as objects take three times as long to come over from the database's thread, and leave that much to collect.
      const of = () =>
        read
          .selectFrom('run_artifacts')
          .select(
            sql<string>`json_group_array(json_array(run_id, target_id, coalesce(made_at, min(completed_at, ended_at)), grade, pinned_at is not null, ${standing}))`.as(
              'rows',
            ),
          )
          .where('job_id', '=', jobId)
      const present = await of().where('status', '=', 'present').executeTakeFirstOrThrow()
      const damaged = await of().where('status', '=', 'error').where('last_error_kind', '=', 'damaged').executeTakeFirstOrThrow()
      return [present, damaged].flatMap(({ rows }) => (JSON.parse(rows) as unknown[]).map(heldArtifact))
    },
    async requestedWithin(jobId, { since, until }) {
      const { total } = await read
        .selectFrom('artifact_delete_tasks')
        .select(({ fn }) => fn.countAll<number>().as('total'))
        .where('job_id', '=', jobId)
        .where('requested_by', '=', 'retention')
        .where('requested_at', '>', since)
        .where('requested_at', '<=', until)
        .executeTakeFirstOrThrow()
      return total
    },
    async note(runId, { made_at, suspicions }) {
      await write
        .updateTable('run_artifacts')
        .set({ made_at, suspicious: suspicions.length === 0 ? null : writeJson(suspicionsSchema, suspicions) })
        .where('run_id', '=', runId)
        .execute()
    },
    async acceptedBefore(runId, jobId, { until, limit }) {
      const rows = await read
        .selectFrom('run_artifacts')
        .select(['run_id', 'files', 'source_bytes', 'judged'])
        .where('job_id', '=', jobId)
        .where('run_id', '<>', runId)
        .where('ended_at', '<=', until)
        .where(({ or, eb }) => or([eb('suspicious', 'is', null), eb('judged', '=', 'accepted' satisfies Judgement)]))
        .orderBy('ended_at', 'desc')
        .orderBy('run_id', 'desc')
        .limit(limit)
        .execute()
      return Promise.all(
        rows.map(async ({ run_id, files, source_bytes, judged }, index) => ({
          files,
          source_bytes,
          coverage: index === 0 ? await coverage(run_id) : [],
          is_new_normal: judged === 'accepted',
        })),
      )
    },
    async unjudged(jobId, limit) {
      const rows = await suspicious(jobId).where('judged', 'is', null).orderBy('run_id', 'desc').limit(limit).execute()
      return rows.map(suspiciousArtifact)
    },
    async suspicious(jobId, runId) {
      const row = await suspicious(jobId).where('run_id', '=', runId).executeTakeFirst()
      return row === undefined ? null : suspiciousArtifact(row)
    },
    async judge(runId, judged, now) {
      await write.updateTable('run_artifacts').set({ judged, judged_at: now }).where('run_id', '=', runId).execute()
    },
    async lastEnded(jobId, { until, limit }) {
      const rows = await read
        .selectFrom('runs')
        .select(['id', 'is_clean'])
        .where('job_id', '=', jobId)
        .where('state', 'in', ['finished', 'failed'])
        .where('created_at', '<=', until)
        .orderBy('id', 'desc')
        .limit(limit)
        .execute()
      return rows.map(({ id, is_clean }) => ({ run_id: id, clean: is_clean === 1 }))
    },
    async failingTargets() {
      // One that waits for its node has not failed unless it was tried before; one that a person wants tried again has no error any more, and no success yet.
      const failing = () =>
        read
          .selectFrom('artifact_delete_tasks')
          .where('status', 'in', ['queued', 'running', 'retrying', 'blocked', 'abandoned'])
          .where('last_attempt_at', 'is not', null)
          .where(({ or, eb }) => or([eb('last_error_kind', 'is not', null), eb('status', '=', 'queued')]))
      const targets = await failing()
        .select(['target_id', ({ fn }) => fn.countAll<number>().as('total')])
        .groupBy('target_id')
        .execute()
      return Promise.all(
        targets.map(async ({ target_id, total }) => {
          const { run_id, last_attempt_at, since, last_error } = await failing()
            .select(['run_id', 'last_attempt_at', 'since', 'last_error'])
            .where('target_id', '=', target_id)
            .orderBy('last_attempt_at', 'desc')
            .orderBy('run_id', 'desc')
            .limit(1)
            .executeTakeFirstOrThrow()
          const error = readJsonOrNull(failureSchema, last_error)?.message ?? null
          return {
            target_id,
            failing: total,
            last_failure: { run_id, at: last_attempt_at ?? since, error },
            last_success_at: await lastSuccess(target_id),
          }
        }),
      )
    },
    lastSuccess,
  }

  async function lastSuccess(targetId: string): Promise<number | null> {
    const row = await read
      .selectFrom('artifact_delete_tasks')
      .select(({ fn }) => fn.max('ended_at').as('at'))
      .where('target_id', '=', targetId)
      .where('status', '=', 'done')
      .executeTakeFirst()
    return row?.at ?? null
  }
}

function retainedJob({ id, spec, archived_at }: { id: string; spec: string; archived_at: number | null }): RetainedJob {
  return { id, archived_at, ...readJson(specSchema, spec) }
}

const standing = sql`case when hub_id is not null then 'foreign' when status <> 'present' then 'damaged' when judged = 'given_up' then 'given_up'
  when suspicious is not null and judged is distinct from 'accepted' then 'suspicious' else 'good' end`

function heldArtifact(row: unknown): HeldArtifact {
  const [run_id, target_id, at, grade, isPinned, found] = row as [string, string, number, Grade, number, RetentionStanding]
  return { run_id, target_id, at, grade, pinned: isPinned === 1, standing: found }
}

function suspiciousArtifact(row: {
  run_id: string
  files: number
  source_bytes: number
  suspicious: string
  judged: string | null
}): SuspiciousArtifact {
  const { suspicious, judged, ...plain } = row
  return { ...plain, suspicions: readJson(suspicionsSchema, suspicious), judged: judgementSchema.nullable().parse(judged) }
}
