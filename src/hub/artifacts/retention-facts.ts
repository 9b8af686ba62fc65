import type { CoverageItem } from '../../core/coverage.ts'
import type { RunOutcome } from '../../core/run.ts'
import { isClean, latestBelieved } from '../../core/retention-brakes.ts'
import { artifactTime } from '../../core/retention-decision.ts'
import { readingOf } from '../../core/source.ts'
import { sourceReportOf } from '../../core/source-report.ts'
import { findSuspicions, runsOfMedian } from '../../core/suspicion.ts'
import type { RunPlan } from '../../protocol/run-plan.ts'
import type { RunRecord } from '../store/run-store.ts'
import type { Repositories } from '../store/store.ts'

type StoredOutcome = Extract<RunOutcome, { artifact: unknown }>

/**
 * Keeps what retention will ask of a run that ends with an artifact, and of its artifact: when it was made, and whether it is suspicious. Within the transaction that
 * ends the run, so that no look at the job sees an artifact that nobody has compared yet.
 * @returns whether the run is clean
 */
export async function noteRetentionFacts(
  tx: Repositories,
  run: Pick<RunRecord, 'id' | 'job_id' | 'offered_at'>,
  { outcome: { artifact, issues, summary }, plan, receivedAt }: { outcome: StoredOutcome; plan: RunPlan; receivedAt: number },
): Promise<{ is_clean: boolean }> {
  const { coverage, readErrors } = sourceReportOf(summary)
  // Its own artifact is kept already, and is no measure for itself.
  const accepted = await tx.retention.acceptedBefore(run.id, run.job_id, { until: latestBelieved(receivedAt), limit: runsOfMedian })
  const { files = 0, source_bytes = 0 } = artifact.totals
  await tx.retention.note(run.id, {
    made_at: artifactTime({ completed_at: artifact.completed_at, offered_at: run.offered_at, received_at: receivedAt }),
    suspicions: findSuspicions({ files, source_bytes, coverage }, accepted, readingOf(plan.source).tree.paths),
  })
  const unreadable = Math.max(issues.total, readErrors)
  return { is_clean: isClean({ isComplete: true, unreadable, holes: holesOf(coverage) }, holesOf(accepted[0]?.coverage ?? [])) }
}

function holesOf(coverage: readonly CoverageItem[]): string[] {
  return coverage.filter(({ read }) => read === 'hole').map(({ path }) => path)
}
