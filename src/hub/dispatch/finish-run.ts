import { formatSchema } from '../../core/artifact.ts'
import type { RunOutcome } from '../../core/run.ts'
import { jobTargetSchema } from '../../protocol/job-spec.ts'
import { noteRetentionFacts } from '../artifacts/retention-facts.ts'
import type { RunChange, RunRecord } from '../store/run-store.ts'
import type { DispatchServices } from './dispatch-services.ts'
import { moveRun, type RunWork } from './move-run.ts'
import { retryFailed } from './request-run.ts'

type StoredOutcome = Extract<RunOutcome, { artifact: unknown }>

/** Keeps how a run ended: its state, its artifact and its retry, all or nothing. A run that has ended stays as it is. */
export async function finishRun({ changes, clock, newId }: DispatchServices, runId: string, outcome: RunOutcome): Promise<void> {
  await changes.transaction(async (tx, announce) => {
    const work = { tx, announce, now: clock.now() }
    const run = await tx.runs.get(runId)
    if (run === null) return
    const hasArtifact = outcome.status === 'success' || outcome.status === 'warning'
    // Before the run moves, for its offer goes when it has ended.
    const also = hasArtifact ? { ...columnsOf(outcome), ...(await keepArtifact(work, run, outcome)) } : {}
    const move = await moveRun(work, run, { type: 'end', outcome }, also)
    if ('refused' in move) throw new Error(move.refused)
    if (outcome.status === 'failed') await retryFailed(work, run, outcome.error, newId())
  })
}

function columnsOf({ artifact, consistency_changed_total, issues, summary }: StoredOutcome): RunChange {
  return { grade: artifact.grade, consistency_changed_total, issues_total: issues.total, summary: { ...summary, artifact, issues } }
}

async function keepArtifact({ tx, announce, now }: RunWork, run: RunRecord, outcome: StoredOutcome): Promise<RunChange> {
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
