import { type BrakeCause, type BrakeKind, deletesCause, failingCause, latestBelieved, nextBrake, runsOfFailing } from '../../core/retention-brakes.ts'
import type { Announcements } from '../announced-changes.ts'
import type { Repositories } from '../store/store.ts'

export interface BrakeWork {
  tx: Repositories
  announce: Announcements
  now: number
}

/** So many suspicious artifacts are counted; a person who has so many does not ask how many more. */
const mostCounted = 1000

/** Puts on and takes off the brakes that a job's own runs and artifacts decide about. */
export async function lookAtJobBrakes(work: BrakeWork, jobId: string): Promise<void> {
  const { tx, now } = work
  const last = await tx.retention.lastEnded(jobId, { until: latestBelieved(now), limit: runsOfFailing })
  await setBrake(work, 'failing', jobId, failingCause(last), jobId)
  const unjudged = await tx.retention.unjudged(jobId, mostCounted)
  const [newest] = unjudged
  const cause: BrakeCause | null =
    newest === undefined ? null : { kind: 'suspicious', run_id: newest.run_id, total: unjudged.length, suspicions: newest.suspicions }
  await setBrake(work, 'suspicious', jobId, cause, jobId)
}

/** Puts on and takes off the brakes of targets: those that deletes fail on now, and those that are on already. */
export async function lookAtTargetBrakes(work: BrakeWork): Promise<void> {
  const { tx } = work
  const failing = new Map((await tx.retention.failingTargets()).map((target) => [target.target_id, target]))
  const on = new Map((await tx.brakes.of('deletes')).map(({ scope, cause }) => [scope, cause]))
  for (const target_id of new Set([...failing.keys(), ...on.keys()])) {
    const before = on.get(target_id)
    const open = before?.kind === 'deletes' && (await isOpen(tx, before.run_id)) ? before : null
    const target = failing.get(target_id) ?? {
      target_id,
      failing: 0,
      last_failure: null,
      last_success_at: await tx.retention.lastSuccess(target_id),
    }
    await setBrake(work, 'deletes', target_id, deletesCause(target, open), null)
  }
}

async function isOpen(tx: Repositories, runId: string): Promise<boolean> {
  const task = await tx.deleteTasks.get(runId)
  return task !== null && task.status !== 'done' && task.status !== 'ignored'
}

/** @param jobId whose brake it is; null: of more than one job */
export async function setBrake(
  { tx, announce, now }: BrakeWork,
  kind: BrakeKind,
  scope: string,
  cause: BrakeCause | null,
  jobId: string | null,
): Promise<void> {
  const brake = await tx.brakes.get(kind, scope)
  const next = nextBrake(brake, cause, now)
  if (JSON.stringify(next) === JSON.stringify(brake)) return
  if (next === null) await tx.brakes.remove(kind, scope)
  else await tx.brakes.put(scope, next)
  announce.retention(jobId)
}
