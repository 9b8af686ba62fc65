import { z } from 'zod'
import { BastionError, errorCodes, type ErrorCode } from './errors.ts'
import { gradeSchema } from './grade.ts'
import { jobIdSchema, runIdSchema } from './ids.ts'
import { progressSchema } from './run-event.ts'
import { runStates, runStatuses } from './run-state.ts'
import { timestampSchema } from './timestamp.ts'

export const runStateSchema = z.enum(runStates)
export const runStatusSchema = z.enum(runStatuses)
export const errorCodeSchema = z.enum(Object.keys(errorCodes) as [ErrorCode, ...ErrorCode[]])

/** Why a run, an operation or a request failed: decide by `code`, read the rest. */
export const failureSchema = z.object({ code: errorCodeSchema, message: z.string(), hint: z.string() })
export type Failure = z.infer<typeof failureSchema>

/** @returns what may cross; anything but a BastionError is a bug, and its stack stays where it happened */
export function failureOf(error: unknown): Failure {
  if (error instanceof BastionError) return { code: error.code, message: error.message, hint: error.hint }
  return { code: 'internal', message: error instanceof Error ? error.message : String(error), hint: errorCodes.internal.hint }
}

/** Entries that could not be read. */
export const issuesSchema = z.object({ total: z.int().nonnegative(), sample: z.array(z.object({ path: z.string(), message: z.string() }).loose()) })

/** A complete artifact as its node tells of it. */
export const storedArtifactSchema = z.object({
  target_id: z.string(),
  manifest_hash: z.string(),
  format: z.string(),
  encrypted: z.boolean(),
  grade: gradeSchema,
  completed_at: z.number(),
  totals: z.record(z.string(), z.number()),
  holes: z.int().nonnegative(),
})
export type StoredArtifact = z.infer<typeof storedArtifactSchema>

/** How a run ended, told by the process that carried it out, or by the executor that found it gone. */
export const runOutcomeSchema = z.discriminatedUnion('status', [
  z.object({
    status: z.enum(['success', 'warning']),
    artifact: storedArtifactSchema,
    consistency_changed_total: z.int().nonnegative(),
    issues: issuesSchema,
    summary: z.record(z.string(), z.unknown()),
  }),
  z.object({ status: z.literal('failed'), error: failureSchema }),
  z.object({ status: z.literal('canceled') }),
])
export type RunOutcome = z.infer<typeof runOutcomeSchema>

/** A run as it stands in lists. Times are milliseconds since 1970. */
export const runSchema = z.object({
  id: runIdSchema,
  job_id: jobIdSchema,
  node_id: z.string(),
  status: runStatusSchema,
  state: runStateSchema,
  /** of a finished run: whether something deserves a look */
  outcome: z.enum(['success', 'warning']).nullable(),
  error_code: errorCodeSchema.nullable(),
  error: failureSchema.nullable(),
  /** the run that failed, whose place this one takes */
  retry_of: runIdSchema.nullable(),
  /** 1, and one more for each retry */
  attempt: z.int().positive(),
  /** the time of the schedule it was made for; `null` when a person asked, and for retries */
  fire_at: timestampSchema.nullable(),
  /** it is not offered to its node before */
  not_before: timestampSchema.nullable(),
  /** how many more fire times or requests this run stands for */
  folded: z.int().nonnegative(),
  created_at: timestampSchema,
  started_at: timestampSchema.nullable(),
  ended_at: timestampSchema.nullable(),
  cancel_requested_at: timestampSchema.nullable(),
  grade: gradeSchema.nullable(),
  consistency_changed_total: z.int().nonnegative(),
  issues_total: z.int().nonnegative(),
  /** the newest; stays when the run has ended */
  progress: progressSchema.nullable(),
})
export type Run = z.infer<typeof runSchema>
