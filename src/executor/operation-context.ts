import type { OperationCredentials } from '../protocol/operation-plan.ts'
import type { NodeMeans } from '../protocol/runner-messages.ts'
import type { CarryOutContext } from './carry-out.ts'

/** What an operation is carried out with. */
export interface OperationContext extends CarryOutContext {
  credentials: OperationCredentials
  means: NodeMeans
  startedAt: number
}
