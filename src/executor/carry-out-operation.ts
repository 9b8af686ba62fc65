import type { OperationOutcome } from '../core/operation.ts'
import { orCanceled } from '../engine/targets/cancellation.ts'
import { keepFreedMemory } from '../lib/malloc.ts'
import type { OperationCredentials, OperationPlan, OperationPlanOf } from '../protocol/operation-plan.ts'
import type { OperationTask } from '../protocol/runner-messages.ts'
import type { CarryOutContext } from './carry-out.ts'
import { carryOutDrill } from './carry-out-drill.ts'
import { carryOutRestore } from './carry-out-restore.ts'
import { carryOutVerify } from './carry-out-verify.ts'
import { type OpenedArtifact, openArtifactAt } from './open-artifact-at.ts'
import type { OperationContext } from './operation-context.ts'

type Work<Kind extends OperationPlan['kind']> = (
  plan: OperationPlanOf<Kind>,
  opened: OpenedArtifact,
  context: OperationContext,
) => Promise<OperationOutcome>

const works: { [Kind in OperationPlan['kind']]: Work<Kind> } = {
  restore: carryOutRestore,
  verify: carryOutVerify,
  drill: carryOutDrill,
}

/** What the plan of an operation asks for, with the engine that the commands have. @throws BastionError */
export async function carryOutOperation(
  { operation, means }: OperationTask,
  credentials: OperationCredentials,
  carrying: CarryOutContext,
): Promise<OperationOutcome> {
  keepFreedMemory()
  const context = { ...carrying, credentials, means, startedAt: carrying.clock.now() }
  await using opened = await orCanceled(
    openArtifactAt({ ...operation, credentials: credentials.target, identities: credentials.identities }, context),
    context.signal,
  )
  // The compiler does not see that a plan and its work belong together; `works` proves it for each kind.
  return await (works[operation.kind] as Work<OperationPlan['kind']>)(operation, opened, context)
}
