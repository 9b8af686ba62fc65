import type { PlannedDestination } from '../../protocol/operation-plan.ts'
import type { RestoreDestination } from '../../protocol/operation-spec.ts'
import type { Credentials } from '../../protocol/run-plan.ts'
import type { PlanSecrets } from '../dispatch/dispatch-services.ts'
import { withoutSecretName } from './artifact-access.ts'

export function plannedDestination(destination: RestoreDestination): PlannedDestination {
  if (destination.type === 'target') return { type: 'target', target: withoutSecretName(destination.target) }
  return { type: 'directory', ...(destination.path !== undefined && { path: destination.path }) }
}

/** @throws BastionError when the node has no such secret */
export async function destinationCredentials(
  vault: Pick<PlanSecrets, 'credentialsFor'>,
  nodeId: string,
  destination: RestoreDestination,
): Promise<Credentials> {
  return destination.type === 'target' ? vault.credentialsFor(nodeId, destination.target) : {}
}
