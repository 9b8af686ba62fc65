import { z } from 'zod'
import { formatSchema } from './artifact.ts'
import { defaultPartSizeBytes, encryptedTreeMessage, mebibyte } from './pipeline-spec.ts'
import { jobRetentionSchema } from './retention.ts'
import { cronSchema, timeZoneSchema } from './schedule.ts'
import { sourceSchema } from './source.ts'

const nameSchema = z.string().regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/, 'a name is 1 to 64 of letters, digits, ".", "_" and "-"')
export const keyNameSchema = nameSchema
export const secretNameSchema = nameSchema

export const encryptionSchema = z.discriminatedUnion('type', [
  z.strictObject({ type: z.literal('none') }),
  /** to the recipient of this key of the Hub, which is made when it is first used */
  z.strictObject({ type: z.literal('age_x25519'), key_name: keyNameSchema }),
])

/** How a job packs and stores. A run's `PipelineSpec` is made from it: there the key is a recipient. */
export const jobPipelineSchema = z
  .strictObject({
    format: formatSchema.default('archive_v1'),
    /** zstd compression level */
    level: z.int().min(1).max(19).default(3),
    encryption: encryptionSchema.default({ type: 'none' }),
    part_size_bytes: z
      .int()
      .min(mebibyte)
      .max(256 * mebibyte)
      .default(defaultPartSizeBytes),
    /** bytes a second; absent means no limit */
    bandwidth_limit: z.int().positive().optional(),
  })
  .refine(({ format, encryption }) => format !== 'raw_tree_v1' || encryption.type === 'none', { path: ['encryption'], message: encryptedTreeMessage })

export const overlapPolicySchema = z.enum(['queue', 'reject'])
export const catchUpSchema = z.enum(['once', 'skip'])

/** After a retryable failure, so many more runs, each later than the one before. */
export const retrySchema = z.strictObject({ attempts: z.int().min(0).max(10).default(2) })

export const notificationsSchema = z.strictObject({ mode: z.literal('inherit') })

/**
 * What a person decides of a job. Everything but `name`, `source` and `target` has a default. The target's schema comes from the descriptions of the
 * drivers, which core does not know: see protocol/job-spec.ts.
 */
export const jobFields = {
  name: z.string().trim().min(1).max(200),
  node_id: z.string().min(1).max(64).default('hub'),
  schedule: cronSchema.nullable().default(null),
  schedule_timezone: timeZoneSchema.default('UTC'),
  overlap_policy: overlapPolicySchema.default('queue'),
  catch_up: catchUpSchema.default('once'),
  retry: retrySchema.prefault({}),
  /** when its newest artifact is restored as proof that it can be; in the time zone of `schedule` */
  drill_schedule: cronSchema.nullable().default(null),
  source: sourceSchema,
  pipeline: jobPipelineSchema.prefault({}),
  retention: jobRetentionSchema.default({ mode: 'inherit' }),
  notifications: notificationsSchema.default({ mode: 'inherit' }),
} as const
