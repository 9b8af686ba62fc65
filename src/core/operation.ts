import { z } from 'zod'
import { jobIdSchema, runIdSchema } from './ids.ts'
import { operationKinds, operationStates, operationStatuses } from './operation-kind.ts'
import { operationReportSchema } from './operation-report.ts'
import { progressSchema } from './run-event.ts'
import { errorCodeSchema, failureSchema } from './run.ts'
import { timestampSchema } from './timestamp.ts'

export const operationKindSchema = z.enum(operationKinds)

/** UUIDv7, as runs have. */
export const operationIdSchema = runIdSchema

const operationStateSchema = z.enum(operationStates)

/** What is there already where an entry is to be restored. */
export const conflictPolicySchema = z.enum(['fail', 'skip', 'overwrite', 'rename'])
export type ConflictPolicy = z.infer<typeof conflictPolicySchema>

/** `chain`: marker, manifest, sizes. `sample`: also some of the content. `full`: every stored byte and every entry. */
export const verifyLevelSchema = z.enum(['chain', 'sample', 'full'])
export type VerifyLevel = z.infer<typeof verifyLevelSchema>

/** How an operation ended, told by the process that carried it out, or by the executor that found it gone. What was found is told of a failure too. */
export const operationOutcomeSchema = z.discriminatedUnion('status', [
  z.object({ status: z.enum(['success', 'warning']), report: operationReportSchema }),
  z.object({ status: z.literal('failed'), error: failureSchema, report: operationReportSchema.optional() }),
  z.object({ status: z.literal('canceled') }),
])
export type OperationOutcome = z.infer<typeof operationOutcomeSchema>

/** An operation as it stands in lists. Times are milliseconds since 1970. */
export const operationSchema = z.object({
  id: operationIdSchema,
  kind: operationKindSchema,
  /** the run whose artifact it is about */
  run_id: runIdSchema,
  job_id: jobIdSchema,
  node_id: z.string(),
  /** who wanted it: a person, or the drill schedule of the job */
  asked_by: z.enum(['person', 'schedule']),
  status: z.enum(operationStatuses),
  state: operationStateSchema,
  /** of a finished operation: whether something deserves a look */
  outcome: z.enum(['success', 'warning']).nullable(),
  error_code: errorCodeSchema.nullable(),
  error: failureSchema.nullable(),
  created_at: timestampSchema,
  started_at: timestampSchema.nullable(),
  ended_at: timestampSchema.nullable(),
  cancel_requested_at: timestampSchema.nullable(),
  /** the newest; stays when it has ended */
  progress: progressSchema.nullable(),
})
export type Operation = z.infer<typeof operationSchema>
