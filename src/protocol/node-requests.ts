import { z } from 'zod'
import { jobIdSchema, runIdSchema } from '../core/ids.ts'
import { snapshotModeSchema } from '../core/source-snapshot.ts'
import { credentialsSchema } from './run-plan.ts'

/** A target to look at: the driver's config without its secret options, and those beside it. */
const openedTarget = {
  target: z.looseObject({ type: z.string() }),
  credentials: credentialsSchema,
  /** the target it is known to be: with another one at its place nothing is done */
  expected_target_id: z.string().optional(),
}
const openedArtifact = {
  ...openedTarget,
  job_id: jobIdSchema,
  run_id: runIdSchema,
  /** age identities (`AGE-SECRET-KEY-1…`), where it is encrypted */
  identities: z.array(z.string()),
}

/** What the Hub may ask of a node beside runs. `node-replies.ts` says what each is answered with. Paths have their bytes beside them where they are not UTF-8. */
export const nodeRequestSchema = z.discriminatedUnion('kind', [
  /** one directory of the node's filesystem, below its browse roots; "" lists those */
  z.object({ kind: z.literal('fs.list'), path: z.string(), after: z.string().optional(), limit: z.int().min(1).max(1000) }),
  z.object({ kind: z.literal('snapshot.probe'), path: z.string(), snapshot_mode: snapshotModeSchema, snapshot_provider: z.string().optional() }),
  z.object({ kind: z.literal('target.check'), ...openedTarget }),
  z.object({
    kind: z.literal('entries.list'),
    ...openedArtifact,
    /** a directory of the artifact, "" is its top */
    prefix: z.string(),
    prefix_b64: z.base64().optional(),
    after: z.string().optional(),
    limit: z.int().min(1).max(1000),
  }),
  /** the content goes through the byte stream `stream_id` */
  z.object({ kind: z.literal('entries.download'), ...openedArtifact, path: z.string(), path_b64: z.base64().optional(), stream_id: z.string() }),
  z.object({ kind: z.literal('lease.list') }),
  z.object({ kind: z.literal('lease.reap') }),
])
export type NodeRequest = z.infer<typeof nodeRequestSchema>
export type NodeRequestKind = NodeRequest['kind']
