import { formatSchema } from '../../core/artifact.ts'
import type { RunOutcome, StoredArtifact } from '../../core/run.ts'
import type { Progress } from '../../core/run-event.ts'
import { jobTargetSchema } from '../../protocol/job-spec.ts'
import { noteRetentionFacts } from '../artifacts/retention-facts.ts'
import type { RunChange, RunRecord } from '../store/run-store.ts'
import { moveWork } from './move-work.ts'
import { retryFailed } from './request-run.ts'
import { runBooks } from './run-books.ts'
import type { WorkChange } from './work-kind.ts'

type StoredOutcome = Extract<RunOutcome, { artifact: unknown }>

/** Keeps how a run ended: its state, its artifact and its retry. A run that has ended stays as it is. */
export async function finishRun(change: WorkChange, run: RunRecord, outcome: RunOutcome, retryId: string): Promise<void> {
  const hasArtifact = outcome.status === 'success' || outcome.status === 'warning'
  // Before the run moves, for its offer goes when it has ended.
  const also = hasArtifact
    ? {
        ...columnsOf(outcome),
        progress: wholeProgress(outcome.artifact, change.now - (run.started_at ?? change.now)),
        ...(await keepArtifact(change, run, outcome)),
      }
    : {}
  const move = await moveWork(runBooks, change, run, { type: 'end', outcome }, also)
  if ('refused' in move) throw new Error(move.refused)
  if (outcome.status === 'failed') await retryFailed(change, run, outcome.error, retryId)
}

function columnsOf({ artifact, consistency_changed_total, issues, summary }: StoredOutcome): RunChange {
  return { grade: artifact.grade, consistency_changed_total, issues_total: issues.total, summary: { ...summary, artifact, issues } }
}

/** What was told last came up to a second before the end, and of a short run nothing at all. */
function wholeProgress({ totals }: StoredArtifact, tookMs: number): Progress {
  const { files = 0, dirs = 0, source_bytes: bytes = 0, stored_bytes = 0 } = totals
  const done = { files, dirs, bytes }
  return { stage: 'complete', done, total: done, rate_bps: Math.round(bytes / Math.max(0.001, tookMs / 1000)), eta_s: 0, stored_bytes }
}

async function keepArtifact({ tx, announce, now }: WorkChange, run: RunRecord, outcome: StoredOutcome): Promise<RunChange> {
  const { artifact } = outcome
  const offer = await tx.runs.offer(run.id)
  if (offer === null) throw new Error(`the run ${run.id} ended without an offer`)
  const { plan, secret_name } = offer
  await tx.artifacts.insert({
    run_id: run.id,
    job_id: run.job_id,
    node_id: run.node_id,
    target_snapshot: jobTargetSchema.parse({ ...plan.target, ...(secret_name !== null && { secret_name }) }),
    target_id: artifact.target_id,
    manifest_hash: artifact.manifest_hash,
    artifact_format: formatSchema.parse(artifact.format),
    recipients: plan.pipeline.recipients,
    grade: artifact.grade,
    holes: artifact.holes,
    totals: artifact.totals,
    completed_at: artifact.completed_at,
    ended_at: now,
  })
  announce.artifact(run.id)
  await tx.jobs.learnTarget(run.job_id, artifact.target_id)
  return noteRetentionFacts(tx, run, { outcome, plan, receivedAt: now })
}
