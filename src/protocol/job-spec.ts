import { z } from 'zod'
import { jobIdSchema, runIdSchema } from '../core/ids.ts'
import { jobFields, secretNameSchema } from '../core/job.ts'
import { operationIdSchema, operationSchema } from '../core/operation.ts'
import { runSchema } from '../core/run.ts'
import { timestampSchema } from '../core/timestamp.ts'
import type { OptionDescriptions } from './driver-description.ts'
import { targetDescriptions, type TargetKind } from './target-descriptions.ts'

/** Kinds a job may write to. What a process's memory holds is gone with it. */
export const jobTargetKinds = ['local_dir', 'webdav', 's3', 'sftp'] as const satisfies TargetKind[]
export type JobTargetKind = (typeof jobTargetKinds)[number]

type OptionsOf<Kind extends JobTargetKind> = (typeof targetDescriptions)[Kind]['options']
type IsSecret = { secret: true }
type ShownOptions<Options extends OptionDescriptions> = {
  [Name in keyof Options as Options[Name] extends IsSecret ? never : Name]: Options[Name]['schema']
}
type SecretName<Options extends OptionDescriptions> = true extends {
  [Name in keyof Options]: Options[Name] extends IsSecret ? true : never
}[keyof Options]
  ? { secret_name: z.ZodOptional<typeof secretNameSchema> }
  : unknown
type JobTargetShape<Kind extends JobTargetKind> = { type: z.ZodLiteral<Kind> } & ShownOptions<OptionsOf<Kind>> & SecretName<OptionsOf<Kind>>

/**
 * A job's `target`: the driver's options but those that are secret, and the name of the secret that holds them. Credentials are never inline: what is
 * in the job may be shown to everybody who may see the job.
 */
function jobTargetSchemaOf<const Kind extends JobTargetKind>(kind: Kind): z.ZodObject<JobTargetShape<Kind>, z.core.$strict> {
  const options: OptionDescriptions = targetDescriptions[kind].options
  const shown = Object.entries(options).filter(([, option]) => option.secret !== true)
  const hasSecrets = shown.length < Object.keys(options).length
  return z.strictObject({
    type: z.literal(kind),
    ...Object.fromEntries(shown.map(([name, option]) => [name, option.schema] as const)),
    ...(hasSecrets ? { secret_name: secretNameSchema.optional() } : {}),
  }) as unknown as z.ZodObject<JobTargetShape<Kind>, z.core.$strict>
}

export const jobTargetSchema = z.discriminatedUnion('type', [
  jobTargetSchemaOf('local_dir'),
  jobTargetSchemaOf('webdav'),
  jobTargetSchemaOf('s3'),
  jobTargetSchemaOf('sftp'),
])
/** as a person writes it, without what has a default */
export type JobTargetInput = z.input<typeof jobTargetSchema>
export type JobTarget = z.infer<typeof jobTargetSchema> & { secret_name?: string }

/** A job as it is posted, and as the Hub keeps it with every default filled in. */
export const jobSpecSchema = z.strictObject({ ...jobFields, target: jobTargetSchema })
export type JobSpec = z.infer<typeof jobSpecSchema>
export type JobSpecInput = z.input<typeof jobSpecSchema>

/** A job as it is returned. */
export const jobSchema = jobSpecSchema.extend({
  id: jobIdSchema,
  created_at: timestampSchema,
  updated_at: timestampSchema,
  /** its schedule stands still since then */
  archived_at: timestampSchema.nullable(),
  next_run_at: timestampSchema.nullable(),
  next_drill_at: timestampSchema.nullable(),
  /** when a drill has last proven that an artifact of the job can be restored, which one, and how long bringing it back took */
  last_proven_restorable_at: timestampSchema.nullable(),
  last_proven_run_id: runIdSchema.nullable(),
  measured_restore_seconds: z.number().nonnegative().nullable(),
  /** the last one that has ended */
  last_drill: z
    .object({ operation_id: operationIdSchema, run_id: runIdSchema, status: operationSchema.shape.status, ended_at: timestampSchema })
    .nullable(),
  last_run: runSchema.nullable(),
})
export type Job = z.infer<typeof jobSchema>
