import type { ArtifactStatus } from '../../core/artifact-status.ts'
import type { Clock } from '../../core/clock.ts'
import { BastionError } from '../../core/errors.ts'
import { failureOf } from '../../core/run.ts'
import type { JobTarget } from '../../protocol/job-spec.ts'
import type { NodeReply } from '../../protocol/node-replies.ts'
import type { PlanSecrets } from '../dispatch/dispatch-services.ts'
import type { NodeSessions } from '../nodes/node-sessions.ts'
import type { ArtifactChange } from '../store/artifact-store.ts'
import type { Store } from '../store/store.ts'

export interface CheckedArtifact {
  found: 'ok' | 'damaged' | 'not_there'
  why: string | null
  status: ArtifactStatus
}

/**
 * Looks at an artifact where it is stored, and keeps what was found: what is broken is `error`, what is not there is `missing`, and what was broken and is whole again is `present`. One that is
 * being deleted, or was, is only told of.
 * @throws not_found · artifact_not_found · what the node answers instead: then nothing is known, and nothing changes
 */
export async function checkArtifact(
  services: { store: Store; nodes: Pick<NodeSessions, 'request'>; vault: Pick<PlanSecrets, 'credentialsFor'>; clock: Clock },
  ref: { jobId: string; runId: string },
  signal: AbortSignal,
): Promise<CheckedArtifact> {
  const { store, nodes, vault, clock } = services
  const artifact = await store.artifacts.get(ref.runId)
  if (artifact === null || artifact.job_id !== ref.jobId)
    throw new BastionError('artifact_not_found', `the job ${ref.jobId} has stored no artifact ${ref.runId}`, {
      hint: 'Only a run that has succeeded has one.',
    })
  const { node_id: nodeId, job_id, run_id, target_snapshot, target_id, manifest_hash } = artifact
  const { secret_name: _, ...target } = target_snapshot as JobTarget
  const credentials = await vault.credentialsFor(nodeId, target_snapshot)
  const found = await nodes.request<'artifact.check'>(
    nodeId,
    { kind: 'artifact.check', target, credentials, expected_target_id: target_id, job_id, run_id, manifest_hash },
    { signal },
  )
  const from = artifact.status
  const wasDamaged = from === 'error' && artifact.last_error_kind === 'damaged'
  if (from === 'present' || wasDamaged) await store.artifacts.change(run_id, from, changeBy(found, clock.now()))
  const { status } = (await store.artifacts.get(run_id)) ?? artifact
  return { found: found.status, why: found.status === 'damaged' ? found.why : null, status }
}

function changeBy(found: NodeReply<'artifact.check'>, now: number): ArtifactChange {
  switch (found.status) {
    case 'ok':
      return { status: 'present', last_error_kind: null, last_error: null }
    case 'damaged':
      return damagedChange(found.why)
    case 'not_there':
      return { status: 'missing', deleted_at: now, last_error_kind: null, last_error: null }
  }
}

/** What the Hub keeps of an artifact that is there and broken. */
export function damagedChange(why: string): ArtifactChange {
  return { status: 'error', last_error_kind: 'damaged', last_error: failureOf(new BastionError('artifact_damaged', why)) }
}
