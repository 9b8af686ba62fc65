import { BastionError } from '../../core/errors.ts'
import type { Credentials } from '../../protocol/run-plan.ts'
import type { PlanSecrets } from '../dispatch/dispatch-services.ts'
import type { ArtifactRecord } from '../store/artifact-store.ts'
import type { Repositories } from '../store/store.ts'

/** What a node needs to open an artifact. Credentials and identities are not kept. */
export interface ArtifactAccess {
  target: { type: string }
  credentials: Credentials
  expected_target_id: string
  job_id: string
  run_id: string
  identities: string[]
}

/** The artifact of a run. @throws not_found · artifact_not_found when it has stored none */
export async function artifactOf(store: Pick<Repositories, 'artifacts' | 'runs'>, runId: string): Promise<ArtifactRecord> {
  const artifact = await store.artifacts.get(runId)
  if (artifact !== null) return artifact
  if ((await store.runs.get(runId)) === null) throw new BastionError('not_found', `there is no run ${runId}`)
  throw new BastionError('artifact_not_found', `the run ${runId} has stored no artifact`, { hint: 'Only a run that has succeeded has one.' })
}

/** @throws BastionError when a secret is not there */
export async function accessTo(vault: Pick<PlanSecrets, 'credentialsFor' | 'identitiesFor'>, artifact: ArtifactRecord): Promise<ArtifactAccess> {
  const { node_id: nodeId, job_id, run_id, target_snapshot, target_id, recipients } = artifact
  const [credentials, identities] = await Promise.all([vault.credentialsFor(nodeId, target_snapshot), vault.identitiesFor(recipients)])
  return { target: withoutSecretName(target_snapshot), credentials, expected_target_id: target_id, job_id, run_id, identities }
}

export function withoutSecretName({ secret_name: _, ...config }: { type: string; secret_name?: string | undefined }): { type: string } {
  return config
}
