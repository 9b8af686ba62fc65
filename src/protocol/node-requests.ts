import { z } from 'zod'
import { mostVersionsAtOnce } from '../core/file-version.ts'
import { jobIdSchema, runIdSchema } from '../core/ids.ts'
import { conflictPolicySchema } from '../core/operation.ts'
import { snapshotModeSchema } from '../core/source-snapshot.ts'
import { plannedDestinationSchema } from './operation-plan.ts'
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

/** Artifacts that one `artifact.delete` names: a process of its own answers it, and its start takes longer than removing a small one. */
export const mostDeletesAtOnce = 100

/** Places of a target that one `target.scan` looks at. */
export const mostScannedAtOnce = 1000

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
  /** some of it as a tar stream, through the byte stream `stream_id` */
  z.object({ kind: z.literal('entries.pack'), ...openedArtifact, only: z.array(z.string()), stream_id: z.string() }),
  /** entries that are searched for, in the order of the index */
  z.object({
    kind: z.literal('entries.search'),
    ...openedArtifact,
    /** as core/entry-search.ts has it */
    query: z.string(),
    after: z.string().optional(),
    limit: z.int().min(1).max(1000),
  }),
  /** what differs from an earlier artifact of the same node, in the order of the index */
  z.object({
    kind: z.literal('entries.diff'),
    ...openedArtifact,
    before: z.object(openedArtifact),
    after: z.string().optional(),
    limit: z.int().min(1).max(1000),
  }),
  /** what artifacts of one target hold at a path */
  z.object({
    kind: z.literal('entries.history'),
    ...openedTarget,
    expected_target_id: z.string(),
    artifacts: z
      .array(z.object({ job_id: jobIdSchema, run_id: runIdSchema, identities: z.array(z.string()) }))
      .min(1)
      .max(mostVersionsAtOnce),
    path: z.string(),
    path_b64: z.base64().optional(),
  }),
  /**
   * Removes artifacts of one target. Each only when its directory is provably ours: the target is the expected one, and a `run.json` there has these ids and this Hub's. What another
   * Hub has stored needs `force`. Any other directory is left as it is. One after the other or at once; each is answered for itself.
   */
  z.object({
    kind: z.literal('artifact.delete'),
    ...openedTarget,
    expected_target_id: z.string(),
    hub_id: z.string(),
    artifacts: z
      .array(z.object({ job_id: jobIdSchema, run_id: runIdSchema, force: z.boolean() }))
      .min(1)
      .max(mostDeletesAtOnce),
  }),
  /** marker, manifest, objects and their sizes; nothing of the payload is read */
  z.object({
    kind: z.literal('artifact.check'),
    ...openedTarget,
    job_id: jobIdSchema,
    run_id: runIdSchema,
    /** as it was when it was stored */
    manifest_hash: z.string().optional(),
  }),
  /** What a target holds, in pages in the order of job and run ids; manifests only. */
  z.object({
    kind: z.literal('target.scan'),
    ...openedTarget,
    after: z.string().optional(),
    /** so many places are looked at; fewer may be found */
    limit: z.int().min(1).max(mostScannedAtOnce),
    /** artifacts, whole or damaged, are passed over */
    only: z.literal('incomplete').optional(),
    /** age identities, to read what encrypted artifacts say of their job */
    identities: z.array(z.string()),
  }),
  /**
   * Removes what runs of this Hub have left that never became artifacts: as `artifact.delete`, but only what has no marker and in which nothing happened since `older_than_at`. That
   * none of the runs is alive is for the Hub to know; the node keeps what one of its own still writes to.
   */
  z.object({
    kind: z.literal('cleanup.run'),
    ...openedTarget,
    expected_target_id: z.string(),
    hub_id: z.string(),
    older_than_at: z.int(),
    runs: z
      .array(z.object({ job_id: jobIdSchema, run_id: runIdSchema }))
      .min(1)
      .max(mostDeletesAtOnce),
  }),
  /** what a restore would do; the credentials of a target it would go to are beside its own */
  z.object({
    kind: z.literal('restore.plan'),
    ...openedArtifact,
    destination: plannedDestinationSchema,
    destination_credentials: credentialsSchema,
    only: z.array(z.string()),
    conflict: conflictPolicySchema,
  }),
  z.object({ kind: z.literal('lease.list') }),
  z.object({ kind: z.literal('lease.reap') }),
  /** removes what drills have left whose runners are gone */
  z.object({ kind: z.literal('scratch.reap') }),
])
export type NodeRequest = z.infer<typeof nodeRequestSchema>
export type NodeRequestKind = NodeRequest['kind']
