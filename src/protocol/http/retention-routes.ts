import { z } from 'zod'
import { gradeSchema } from '../../core/grade.ts'
import { jobIdSchema, runIdSchema } from '../../core/ids.ts'
import { jobRetentionSchema, retentionPolicySchema } from '../../core/retention.ts'
import { brakeCauseSchema, brakeKinds } from '../../core/retention-brakes.ts'
import { deleteReasonSchema, keepReasonSchema } from '../../core/retention-decision.ts'
import { failureSchema } from '../../core/run.ts'
import { timestampSchema } from '../../core/timestamp.ts'
import { listOf } from './page.ts'
import { describeRoutes } from './route.ts'

const params = z.object({ id: jobIdSchema })
const count = z.int().nonnegative()

export const shownBrakeSchema = z.object({
  kind: z.enum(brakeKinds),
  /** whose automatic deletes it stops: those of a job, those on a target, or (both null) all */
  job_id: jobIdSchema.nullable(),
  target_id: z.string().nullable(),
  since: timestampSchema,
  /** for more than seven days: somebody should look */
  overdue: z.boolean(),
  /** why it is on, and what takes it off */
  message: z.string(),
  release: z.string(),
  cause: brakeCauseSchema,
})
export type ShownBrake = z.infer<typeof shownBrakeSchema>

export const lastLookSchema = z.object({
  at: timestampSchema,
  /** what should be deleted and must wait, for a limit or a brake is in the way */
  waiting: count,
  /** why it could not be looked at */
  error: failureSchema.nullable(),
})
export type LastLook = z.infer<typeof lastLookSchema>

export const retentionStateSchema = z.object({
  /** as the job has it */
  retention: jobRetentionSchema,
  /** what is in force: its own, or that of the Hub */
  policy: retentionPolicySchema,
  /** whether anything is deleted by itself: the policy is on, and the job is not archived. Brakes may stop it. */
  active: z.boolean(),
  brakes: z.array(shownBrakeSchema),
  /** every quarter of an hour; null: not yet, since the Hub started */
  last_look: lastLookSchema.nullable(),
})
export type RetentionState = z.infer<typeof retentionStateSchema>

/** Artifacts are shown up to so many of each kind; counts are of all. */
export const mostDecisionsShown = 1000

const decided = { run_id: runIdSchema, made_at: timestampSchema, grade: gradeSchema }
const text = { text: z.string() }

export const retentionPreviewSchema = z.object({
  policy: retentionPolicySchema,
  /** brakes that are on: they stop what would be deleted by itself */
  brakes: z.array(shownBrakeSchema),
  /** of everything that should be deleted: given to `apply`, nothing else is deleted than what was looked at */
  fingerprint: z.string(),
  totals: z.object({ keep: count, delete: count, delete_now: count }),
  /** the newest first */
  keep: z.array(z.object({ ...decided, reasons: z.array(keepReasonSchema.extend(text)) })),
  /** the oldest first. `now`: the limits let it go at the next look */
  delete: z.array(z.object({ ...decided, now: z.boolean(), reasons: z.array(deleteReasonSchema.extend(text)) })),
  /** what future artifacts are foreseen by: the job's schedule, the time between its last ones, or nothing */
  foreseen_by: z.enum(['schedule', 'rhythm', 'nothing']),
  /** no limits and no brakes, every run a success */
  months: z.array(
    z.object({
      month: z.string(),
      /** its end, or that of what is foreseen: of very frequent runs less than all months are */
      until: timestampSchema,
      made: count,
      kept: count,
      oldest_at: timestampSchema.nullable(),
      kept_for: z.partialRecord(keepReasonSchema.shape.rule, count),
      deleted: count,
      /** artifacts of today that are deleted then, the oldest first */
      leaving: z.array(runIdSchema),
    }),
  ),
})
export type RetentionPreview = z.infer<typeof retentionPreviewSchema>

export const appliedRetentionSchema = z.object({
  /** their deletes are queued */
  run_ids: z.array(runIdSchema),
  /** what should be deleted and may not be yet: more than the limits allow, or on a target whose brake is on */
  remaining: count,
})
export type AppliedRetention = z.infer<typeof appliedRetentionSchema>

export const retentionRoutes = describeRoutes({
  get: {
    method: 'GET',
    path: '/jobs/:id/retention',
    summary: 'What a job keeps, and what stops the rest from being deleted',
    access: 'viewer',
    params,
    answer: { status: 200, json: retentionStateSchema },
  },
  replace: {
    method: 'PUT',
    path: '/jobs/:id/retention',
    summary: 'Change what a job keeps',
    access: 'operator',
    params,
    body: jobRetentionSchema,
    answer: { status: 200, json: retentionStateSchema },
  },
  preview: {
    method: 'POST',
    path: '/jobs/:id/retention/preview',
    summary: 'What would be kept and deleted, now and month by month, and why; nothing is changed',
    access: 'viewer',
    params,
    body: z.strictObject({
      /** instead of what the job has */
      retention: jobRetentionSchema.optional(),
      months: z.int().min(0).max(24).default(12),
    }),
    answer: { status: 200, json: retentionPreviewSchema },
  },
  apply: {
    method: 'POST',
    path: '/jobs/:id/retention/apply',
    summary: 'Delete now what the policy does not keep, as far as its limits go',
    access: 'operator',
    params,
    body: z.strictObject({
      /** of a preview: when something else would be deleted by now, nothing is */
      fingerprint: z.string().optional(),
      /** brakes stop what is deleted by itself. A person may go on in spite of them, and has to say so */
      despite_brakes: z.boolean().default(false),
    }),
    answer: { status: 202, json: appliedRetentionSchema },
  },
  accept: {
    method: 'POST',
    path: '/jobs/:id/retention/accept',
    summary: 'Accept a suspicious artifact as the new normal: it is good, and what comes is compared with it',
    access: 'operator',
    params,
    body: z.strictObject({ run_id: runIdSchema }),
    answer: { status: 200, json: retentionStateSchema },
  },
  giveUp: {
    method: 'POST',
    path: '/jobs/:id/retention/give-up',
    summary: 'Give a suspicious artifact up: it is kept for nothing any more',
    access: 'operator',
    params,
    body: z.strictObject({ run_id: runIdSchema }),
    answer: { status: 200, json: retentionStateSchema },
  },
  brakes: {
    method: 'GET',
    path: '/retention/brakes',
    summary: 'The brakes that are on, the oldest first, at most 200',
    access: 'viewer',
    answer: { status: 200, json: listOf(shownBrakeSchema) },
  },
  releaseClock: {
    method: 'POST',
    path: '/retention/brakes/clock/release',
    summary: 'Say that the clock of the Hub is right: deletes go on',
    access: 'operator',
    answer: { status: 204 },
  },
})
