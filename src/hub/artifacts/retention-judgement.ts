import { BastionError } from '../../core/errors.ts'
import { findSuspicions } from '../../core/suspicion.ts'
import { lookAtJobBrakes } from './retention-brakes.ts'
import type { BrakeWork } from './retention-brakes.ts'

/** So many others are looked at again when one is accepted. */
const mostLookedAt = 1000

/**
 * A person says that a suspicious artifact shows how things are now. It is good from here on and the measure for runs to come; others that wait and have no less than it
 * are good with it. Twice is once.
 * @throws BastionError not_found
 */
export async function acceptArtifact(work: BrakeWork, jobId: string, runId: string): Promise<void> {
  const { tx, now } = work
  const artifact = await suspiciousArtifact(work, jobId, runId)
  await tx.retention.judge(runId, 'accepted', now)
  const measure = { files: artifact.files, source_bytes: artifact.source_bytes, coverage: await tx.retention.coverage(runId), is_new_normal: true }
  // What was a place of the source then: of a place that was asked for no more nobody can tell here, and a person is asked once more.
  const places = measure.coverage.map(({ path }) => path)
  for (const other of await tx.retention.unjudged(jobId, mostLookedAt)) {
    const found = { ...other, coverage: await tx.retention.coverage(other.run_id) }
    if (findSuspicions(found, [measure], places).length === 0) await tx.retention.judge(other.run_id, 'accepted', now)
  }
  await told(work, jobId)
}

/** A person says that a suspicious artifact is worth nothing: retention keeps it for nothing, and deletes it when it may. @throws BastionError not_found */
export async function giveUpArtifact(work: BrakeWork, jobId: string, runId: string): Promise<void> {
  await suspiciousArtifact(work, jobId, runId)
  await work.tx.retention.judge(runId, 'given_up', work.now)
  await told(work, jobId)
}

async function suspiciousArtifact({ tx }: BrakeWork, jobId: string, runId: string) {
  const artifact = await tx.retention.suspicious(jobId, runId)
  if (artifact !== null) return artifact
  throw new BastionError('not_found', `${runId} is no suspicious artifact of the job ${jobId}`, {
    hint: 'It may have been deleted, or was never suspicious.',
  })
}

async function told(work: BrakeWork, jobId: string): Promise<void> {
  await lookAtJobBrakes(work, jobId)
  work.announce.retention(jobId)
}
