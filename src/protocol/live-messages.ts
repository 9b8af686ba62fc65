import { z } from 'zod'
import { jobIdSchema, runIdSchema } from '../core/ids.ts'
import { keptRunEventSchema, progressSchema } from '../core/run-event.ts'
import { runSchema } from '../core/run.ts'
import { listedArtifactSchema } from './artifact-listing.ts'

/** What one can listen to. `run:<id>` carries the events of one run and resumes by their `seq`; the others say what has changed. */
export type LiveTopic = 'runs' | 'jobs' | 'nodes' | 'artifacts' | `run:${string}`
export const liveTopicSchema = z.templateLiteral([z.literal('run:'), runIdSchema]).or(z.enum(['runs', 'jobs', 'nodes', 'artifacts']))

export const liveMessageSchema = z.discriminatedUnion('type', [
  /** topics `runs` and `run:<id>`: it was made or stands elsewhere now */
  z.object({ type: z.literal('run.changed'), run: runSchema }),
  /** topic `run:<id>` */
  z.object({ type: z.literal('run.event'), run_id: runIdSchema, event: keptRunEventSchema }),
  /** topics `runs` and `run:<id>`, at most once a second for each run */
  z.object({ type: z.literal('run.progress'), run_id: runIdSchema, job_id: jobIdSchema, progress: progressSchema }),
  /** topic `jobs`: made, changed, archived or removed, or its next time is another */
  z.object({ type: z.literal('job.changed'), job_id: jobIdSchema }),
  /** topic `jobs`: brakes of its retention came on or were released, or a person has judged an artifact; null: of more than one job */
  z.object({ type: z.literal('retention.changed'), job_id: jobIdSchema.nullable() }),
  /** topic `artifacts`: stored, pinned, or its delete stands elsewhere */
  z.object({ type: z.literal('artifact.changed'), artifact: listedArtifactSchema }),
  /** topic `nodes` */
  z.object({ type: z.literal('node.changed'), node_id: z.string(), connected: z.boolean() }),
])
export type LiveMessage = z.infer<typeof liveMessageSchema>
