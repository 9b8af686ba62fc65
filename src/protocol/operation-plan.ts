import { z } from 'zod'
import { jobIdSchema, runIdSchema } from '../core/ids.ts'
import { conflictPolicySchema, operationIdSchema, verifyLevelSchema } from '../core/operation.ts'
import { credentialsSchema } from './run-plan.ts'

const common = {
  v: z.literal(1),
  hub_id: z.string(),
  node_id: z.string(),
  operation_id: operationIdSchema,
  job_id: jobIdSchema,
  /** whose artifact it is */
  run_id: runIdSchema,
  /** where it is kept: the config of the driver without its secret options */
  target: z.looseObject({ type: z.string() }),
  expected_target_id: z.string(),
  /** as the Hub knows it: an artifact that has another one is not the one that was stored */
  manifest_hash: z.string(),
}

export const plannedDestinationSchema = z.discriminatedUnion('type', [
  z.object({ type: z.literal('directory'), path: z.string().optional() }),
  z.object({ type: z.literal('target'), target: z.looseObject({ type: z.string() }) }),
])
export type PlannedDestination = z.infer<typeof plannedDestinationSchema>

/** Everything a node needs to carry out an operation, but credentials. */
export const operationPlanSchema = z.discriminatedUnion('kind', [
  z.object({
    ...common,
    kind: z.literal('restore'),
    destination: plannedDestinationSchema,
    only: z.array(z.string()),
    conflict: conflictPolicySchema,
    damaged: z.boolean(),
  }),
  z.object({ ...common, kind: z.literal('verify'), level: verifyLevelSchema, sample_percent: z.number().positive().max(100) }),
  z.object({
    ...common,
    kind: z.literal('drill'),
    /** the program that the artifact is of, whose needs are looked at too */
    recipe: z.enum(['vaultwarden']).nullable(),
  }),
])
export type OperationPlan = z.infer<typeof operationPlanSchema>
export type OperationPlanOf<Kind extends OperationPlan['kind']> = Extract<OperationPlan, { kind: Kind }>

/** What travels beside a plan and is never written down. */
export const operationCredentialsSchema = z.object({
  target: credentialsSchema,
  /** of a target that is restored to */
  destination: credentialsSchema,
  /** age identities (`AGE-SECRET-KEY-1…`), where the artifact is encrypted */
  identities: z.array(z.string()),
})
export type OperationCredentials = z.infer<typeof operationCredentialsSchema>
