import { z } from 'zod'
import { artifactFields } from '../core/artifact-record.ts'
import { jobTargetSchema } from './job-spec.ts'

/** An artifact as lists show it. */
export const listedArtifactSchema = z.object({
  ...artifactFields,
  job_name: z.string(),
  encrypted: z.boolean(),
  /** where it was stored: the job's target of that time, without credentials */
  target: jobTargetSchema,
})
export type ListedArtifact = z.infer<typeof listedArtifactSchema>
