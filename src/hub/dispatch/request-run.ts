import type { Failure } from '../../core/run.ts'
import { retryDelayMs } from '../../core/retry.ts'
import type { JobRecord } from '../store/job-store.ts'
import type { RunRecord } from '../store/run-store.ts'
import { addRunEvent } from './run-books.ts'
import type { WorkChange } from './work-kind.ts'

/** Why a run is wanted: somebody asks, or a time of the schedule has come. `missed`: how many times before it it stands for. */
export type RunCause = { type: 'asked' } | { type: 'due'; fireAt: number; missed: number }

export type RequestedRun =
  | { result: 'queued'; run_id: string }
  /** one that waits already does what was asked for */
  | { result: 'folded'; run_id: string }
  | { result: 'rejected'; run_id: string }
  /** the fire time has had its run */
  | { result: 'known' }

/** A run for the job, as its overlap policy allows: at most one waits. `id` is for the run, should there be a new one. */
export async function requestRun(work: WorkChange, job: JobRecord, cause: RunCause, id: string): Promise<RequestedRun> {
  const { tx, announce, now } = work
  const unended = await tx.runs.unended(job.id)
  const waiting = unended.find(({ state }) => state === 'queued')
  const busy = unended.some(({ state }) => state !== 'queued')
  const isRejected = busy && job.spec.overlap_policy === 'reject'
  const fireAt = cause.type === 'due' ? cause.fireAt : null
  const missed = cause.type === 'due' ? cause.missed : 0
  const fields = { ...(fireAt !== null && { fire_at: fireAt }), ...(missed > 0 && { missed }) }

  if (waiting !== undefined && !isRejected) {
    const folded = waiting.folded + 1 + missed
    // A retry that waits for its time need not wait any more.
    await tx.runs.change(waiting.id, 'queued', { folded, not_before: null })
    await addRunEvent(work, waiting.id, 'queued', `${named(cause)} while it waits: it stands for ${folded} more`, { ...fields, folded })
    announce.run(waiting.id)
    return { result: 'folded', run_id: waiting.id }
  }

  const isNew = await tx.runs.insert({
    id,
    job_id: job.id,
    node_id: job.spec.node_id,
    state: isRejected ? 'rejected' : 'queued',
    error: null,
    retry_of: null,
    attempt: 1,
    fire_at: fireAt,
    not_before: null,
    folded: missed,
    created_at: now,
    ended_at: isRejected ? now : null,
  })
  if (!isNew) return { result: 'known' }
  announce.run(id)
  if (isRejected) {
    await addRunEvent(work, id, 'rejected', `${named(cause)} while the run before has not ended`, fields, 'warn')
    return { result: 'rejected', run_id: id }
  }
  await addRunEvent(work, id, 'queued', named(cause), fields)
  return { result: 'queued', run_id: id }
}

/** Another run in the place of one that failed, when its error may pass, the job wants one, and none is waiting anyway. */
export async function retryFailed(work: WorkChange, run: RunRecord, error: Failure, id: string): Promise<void> {
  const { tx, announce, now } = work
  const job = await tx.jobs.get(run.job_id)
  if (job === null || job.archived_at !== null) return
  const delayMs = retryDelayMs(error.code, run.attempt, job.spec.retry.attempts)
  if (delayMs === null || (await tx.runs.unended(job.id)).length > 0) return
  const notBefore = now + delayMs
  await tx.runs.insert({
    id,
    job_id: job.id,
    node_id: job.spec.node_id,
    state: 'queued',
    error: null,
    retry_of: run.id,
    attempt: run.attempt + 1,
    fire_at: null,
    not_before: notBefore,
    folded: 0,
    created_at: now,
    ended_at: null,
  })
  await addRunEvent(work, run.id, 'retry_scheduled', `it is tried again in ${Math.round(delayMs / 60_000)} min`, {
    run_id: id,
    not_before: notBefore,
  })
  await addRunEvent(work, id, 'queued', `in the place of a run that failed: ${error.code}`, { retry_of: run.id, not_before: notBefore })
  announce.run(id)
}

function named(cause: RunCause): string {
  if (cause.type === 'asked') return 'somebody asked for it'
  return cause.missed === 0 ? 'its time has come' : `its time has come; ${cause.missed} before it were missed`
}
