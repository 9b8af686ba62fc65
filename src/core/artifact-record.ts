import { z } from 'zod'
import { formatSchema } from './artifact.ts'
import { artifactStatuses } from './artifact-status.ts'
import { deleteFailureKindSchema } from './delete-failure.ts'
import { gradeSchema } from './grade.ts'
import { jobIdSchema, runIdSchema } from './ids.ts'
import { failureSchema } from './run.ts'
import { judgementSchema, suspicionSchema } from './suspicion.ts'
import { timestampSchema } from './timestamp.ts'

export const artifactStatusSchema = z.enum(artifactStatuses)

const count = z.int().nonnegative()

/** What the Hub knows of the stored output of a successful run. Where it is stored is beside it: core does not know the kinds of targets. */
export const artifactFields = {
  run_id: runIdSchema,
  job_id: jobIdSchema,
  /** the node that stored it */
  node_id: z.string(),
  status: artifactStatusSchema,
  target_id: z.string(),
  manifest_hash: z.string(),
  artifact_format: formatSchema,
  grade: gradeSchema,
  /** places of the source that could not be frozen and were not read */
  holes: count,
  files: count,
  source_bytes: count,
  stored_bytes: count,
  /** as its node's clock said */
  completed_at: timestampSchema,
  /** as the Hub's clock said when it was told */
  ended_at: timestampSchema,
  /** neither retention nor a person without `force` deletes it */
  pinned_at: timestampSchema.nullable(),
  /** gone since then: `deleted` or `missing` */
  deleted_at: timestampSchema.nullable(),
  /** a person wants to hear no more of it: then it is `error`, left out of lists, and holds nothing back */
  ignored_at: timestampSchema.nullable(),
  /** why retention does not trust it until a person has judged it */
  suspicious: z.array(suspicionSchema).nullable(),
  judged: judgementSchema.nullable(),
  last_error_kind: deleteFailureKindSchema.or(z.literal('damaged')).nullable(),
  last_error: failureSchema.nullable(),
  /** of deleting it */
  last_attempt_at: timestampSchema.nullable(),
} as const
