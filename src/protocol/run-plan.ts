import { z } from 'zod'
import { jobIdSchema, runIdSchema } from '../core/ids.ts'
import { pipelineSpecSchema } from '../core/pipeline-spec.ts'
import { sourceSchema } from '../core/source.ts'

/**
 * Everything a node needs to carry out a run, but credentials: those travel beside it and are never written down. `target` is the config of the driver
 * without its secret options.
 */
export const runPlanSchema = z.object({
  v: z.literal(1),
  hub_id: z.string(),
  node_id: z.string(),
  job_id: jobIdSchema,
  job_name: z.string(),
  run_id: runIdSchema,
  retry_of: runIdSchema.optional(),
  source: sourceSchema,
  pipeline: pipelineSpecSchema,
  target: z.looseObject({ type: z.string() }),
  /** the target this job is known to write to; absent on first use */
  expected_target_id: z.string().optional(),
})
export type RunPlan = z.infer<typeof runPlanSchema>

/** The secret options of a target's driver, by name. */
export const credentialsSchema = z.record(z.string(), z.string())
export type Credentials = z.infer<typeof credentialsSchema>
