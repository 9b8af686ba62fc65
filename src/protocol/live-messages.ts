import { z } from 'zod'
import { jobIdSchema, runIdSchema } from '../core/ids.ts'
import { operationIdSchema, operationSchema } from '../core/operation.ts'
import { keptRunEventSchema, progressSchema } from '../core/run-event.ts'
import { runSchema } from '../core/run.ts'
import { listedArtifactSchema } from './artifact-listing.ts'

/** What one can listen to. `run:<id>` and `operation:<id>` carry the events of one and resume by their `seq`; the others say what has changed. */
export type LiveTopic = 'runs' | 'jobs' | 'nodes' | 'artifacts' | 'operations' | `run:${string}` | `operation:${string}`
export const liveTopicSchema = z
  .templateLiteral([z.literal('run:'), runIdSchema])
  .or(z.templateLiteral([z.literal('operation:'), operationIdSchema]))
  .or(z.enum(['runs', 'jobs', 'nodes', 'artifacts', 'operations']))

export const liveMessageSchema = z.discriminatedUnion('type', [
  /** topics `runs` and `run:<id>`: it was made or stands elsewhere now */
  z.object({ type: z.literal('run.changed'), run: runSchema }),
  /** topic `run:<id>` */
  z.object({ type: z.literal('run.event'), run_id: runIdSchema, event: keptRunEventSchema }),
  /** topics `runs` and `run:<id>`, at most once a second for each run */
  z.object({ type: z.literal('run.progress'), run_id: runIdSchema, job_id: jobIdSchema, progress: progressSchema }),
  /** topics `operations` and `operation:<id>` */
  z.object({ type: z.literal('operation.changed'), operation: operationSchema }),
  /** topic `operation:<id>` */
  z.object({ type: z.literal('operation.event'), operation_id: operationIdSchema, event: keptRunEventSchema }),
  /** topics `operations` and `operation:<id>`, at most once a second for each operation */
  z.object({
    type: z.literal('operation.progress'),
    operation_id: operationIdSchema,
    job_id: jobIdSchema,
    run_id: runIdSchema,
    progress: progressSchema,
  }),
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
