import { policyInForce } from '../../core/policy-in-force.ts'
import type { RetentionPolicy } from '../../core/retention.ts'
import type { RetentionCalendar } from '../../core/retention-calendar.ts'
import { decideRetention, deletesWithinLimits, type RetentionDecision } from '../../core/retention-decision.ts'
import { latestBelieved } from '../../core/retention-brakes.ts'
import type { KeptBrake } from '../store/brake-store.ts'
import type { HeldArtifact, RetainedJob } from '../store/retention-store.ts'
import type { Repositories } from '../store/store.ts'

/** A job as retention finds it: what it should do, and what keeps it from doing so. */
export interface RetentionLook {
  policy: RetentionPolicy
  artifacts: HeldArtifact[]
  /** the newest first */
  decisions: RetentionDecision[]
  /** run ids of all that should be deleted, the oldest first */
  deletes: string[]
  /** those of them that the limits allow now */
  allowed: string[]
  brakes: KeptBrake[]
}

export interface LookOptions {
  hubPolicy: RetentionPolicy
  calendarOf(timeZone: string): RetentionCalendar
  now: number
  /** artifacts that are not to be deleted now, whatever the rules say: they do not use up the limits */
  spared?(artifact: HeldArtifact, brakes: readonly KeptBrake[]): boolean
}

const dayMs = 24 * 60 * 60_000

/** The one place where it is decided what is deleted: what is previewed and what is applied both come from here. */
export async function lookAtJob(
  { retention, brakes: brakeStore }: Pick<Repositories, 'retention' | 'brakes'>,
  job: RetainedJob,
  { hubPolicy, calendarOf, now, spared = () => false }: LookOptions,
): Promise<RetentionLook> {
  const policy = policyInForce(job.retention, hubPolicy)
  const artifacts = await retention.artifacts(job.id)
  const brakes = await brakeStore.holding(job.id, [...new Set(artifacts.map(({ target_id }) => target_id))])
  const decisions = decideRetention(policy, artifacts, { calendar: calendarOf(job.schedule_timezone), nowMs: now })
  const deletes = decisions.flatMap(({ action, run_id }) => (action === 'delete' ? [run_id] : [])).toReversed()
  const held = new Set(artifacts.filter((artifact) => spared(artifact, brakes)).map(({ run_id }) => run_id))
  const deletedInLastDay = deletes.length === 0 ? 0 : await retention.requestedWithin(job.id, { since: now - dayMs, until: latestBelieved(now) })
  const allowed = deletesWithinLimits(
    decisions.filter(({ run_id }) => !held.has(run_id)),
    { policy, deletedInLastDay },
  )
  return { policy, artifacts, decisions, deletes, allowed, brakes }
}
