import { z } from 'zod'
import { deleteTaskSchema } from '../core/delete-task.ts'
import { timestampSchema } from '../core/timestamp.ts'
import { jobTargetSchema } from './job-spec.ts'

const count = z.int().nonnegative()

/** What a run has left on a target that never became an artifact, and how its removal stands. */
export const incompleteRunSchema = deleteTaskSchema.omit({ force: true, requested_by: true, missing_confirmed: true }).extend({
  /** as the job describes it, without credentials */
  target: jobTargetSchema,
  /** when it was looked at last */
  objects: count,
  bytes: count,
  /** when something happened in it last: an object was stored, or its run began */
  last_sign_at: timestampSchema,
  found_at: timestampSchema,
})
export type IncompleteRun = z.infer<typeof incompleteRunSchema>
