import { BastionError } from '../../core/errors.ts'
import type { HubMessage } from '../../protocol/node-messages.ts'
import type { OperationPlan } from '../../protocol/operation-plan.ts'
import type { OperationSpec } from '../../protocol/operation-spec.ts'
import type { DispatchServices } from '../dispatch/dispatch-services.ts'
import type { OperationRecord } from '../store/operation-store.ts'
import { accessTo, artifactOf } from './artifact-access.ts'
import { destinationCredentials, plannedDestination } from './restore-destination.ts'

/**
 * What the node of an operation is told, from what was asked and the artifact as it is known. Made again it is the same, but for credentials that were changed.
 * @throws BastionError when the artifact is not there any more, or a secret is not
 */
export async function makeOperationOffer(
  { hubId, store, vault }: Pick<DispatchServices, 'hubId' | 'store' | 'vault'>,
  { id, run_id, node_id, spec }: OperationRecord,
): Promise<HubMessage> {
  const artifact = await artifactOf(store, run_id)
  if (artifact.status !== 'present') throw new BastionError('artifact_not_found', `the artifact of the run ${run_id} is ${artifact.status}`)
  const { credentials, identities, ...place } = await accessTo(vault, artifact)
  const common = { v: 1, hub_id: hubId, node_id, operation_id: id, ...place, manifest_hash: artifact.manifest_hash } as const
  return {
    type: 'operation.offer',
    plan: await planOf(common, spec),
    credentials: {
      target: credentials,
      destination: spec.kind === 'restore' ? await destinationCredentials(vault, node_id, spec.destination) : {},
      identities,
    },
  }

  async function planOf(shared: typeof common, asked: OperationSpec): Promise<OperationPlan> {
    if (asked.kind === 'verify') return { ...shared, ...asked }
    if (asked.kind === 'drill') return { ...shared, kind: 'drill', recipe: await recipeOf(artifact.job_id) }
    return { ...shared, ...asked, destination: plannedDestination(asked.destination) }
  }

  /** Known of the job as it is now: what it backs up is seldom another program. */
  async function recipeOf(jobId: string): Promise<'vaultwarden' | null> {
    const source = (await store.jobs.get(jobId))?.spec.source.type
    return source === 'vaultwarden' ? 'vaultwarden' : null
  }
}
