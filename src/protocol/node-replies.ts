import { z } from 'zod'
import { entrySchema } from '../core/entry.ts'
import { runIdSchema } from '../core/ids.ts'
import { failureSchema } from '../core/run.ts'
import { snapshotLeaseSchema } from '../core/snapshot-lease.ts'
import type { NodeRequestKind } from './node-requests.ts'

const pathTextSchema = z.object({ text: z.string(), b64: z.base64().optional() })
/** given back as `after` for the next page; null when this was the last */
const next = z.string().nullable()

/** One name in a directory of a node. */
export const listedFileSchema = z.object({
  name: z.string(),
  /** its bytes, where they are not UTF-8: then it cannot be a source path */
  name_b64: z.base64().optional(),
  kind: z.enum(['dir', 'file', 'symlink', 'other']),
  /** of a symlink: what it leads to; absent where that is nothing */
  leads_to: z.enum(['dir', 'file', 'other']).optional(),
  size_bytes: z.int().nonnegative().optional(),
  modified_at: z.number().optional(),
})
export type ListedFile = z.infer<typeof listedFileSchema>

/** An entry of an artifact's index. `implicit`: a directory that is only known by what lies below it. */
const listedEntrySchema = entrySchema.extend({ implicit: z.literal(true).optional() })

const probedPlaceSchema = z.discriminatedUnion('read', [
  z.object({
    path: z.string(),
    read: z.literal('snapshot'),
    provider: z.string(),
    unit: z.string(),
    root: z.string(),
    snapshots_in: z.string(),
    not_yet_run_on_a_real_system: z.literal(true).optional(),
  }),
  z.object({ path: z.string(), read: z.literal('live'), reason: z.string(), hint: z.string().optional() }),
  z.object({ path: z.string(), read: z.literal('excluded') }),
])

const checkedCaseSchema = z.discriminatedUnion('status', [
  z.object({ name: z.string(), status: z.literal('ok') }),
  z.object({ name: z.string(), status: z.literal('failed'), why: z.string() }),
  z.object({ name: z.string(), status: z.literal('not_claimed'), needs: z.array(z.string()) }),
])

const foundLeaseSchema = z.discriminatedUnion('state', [
  /** `held`: its run is alive. `left`: its run is no more, and the next reaping removes the snapshots */
  z.object({ run_id: z.string(), state: z.enum(['held', 'left']), lease: snapshotLeaseSchema }),
  z.object({ run_id: z.string(), state: z.literal('damaged'), message: z.string() }),
])

const deletedArtifactSchema = z.discriminatedUnion('result', [
  z.object({ run_id: runIdSchema, result: z.literal('removed'), objects: z.int().nonnegative(), bytes: z.int().nonnegative() }),
  /** nothing is there, and the target was proven to be the expected one before and after the look */
  z.object({ run_id: runIdSchema, result: z.literal('not_there') }),
  /** `target_identity`: another target is there, or none; `conflict`: the directory is not provably ours. `touched`: something of it may be gone by now */
  z.object({ run_id: runIdSchema, result: z.literal('failed'), error: failureSchema, touched: z.boolean() }),
])

/** What each request is answered with. */
export const nodeReplies = {
  /** directories and files in byte order of their names; `path` without links */
  'fs.list': z.object({ path: z.string(), entries: z.array(listedFileSchema), next }),
  'snapshot.probe': z.object({ places: z.array(probedPlaceSchema) }),
  'target.check': z.object({
    target: z.string(),
    ok: z.boolean(),
    cases: z.array(checkedCaseSchema),
    /** what the target does not have, and what that means */
    advice: z.array(z.object({ feature: z.string(), meaning: z.string() })),
    /** what could not be removed again */
    leftovers: z.array(z.string()),
  }),
  /** what is directly in the directory `prefix`, in the order of the index */
  'entries.list': z.object({ entries: z.array(listedEntrySchema), next }),
  /** answered when the content begins to flow: who reads it knows then what it is. What goes wrong later ends the stream */
  'entries.download': z.object({ entry: listedEntrySchema }),
  /** one for each artifact that was named */
  'artifact.delete': z.object({ results: z.array(deletedArtifactSchema) }),
  'lease.list': z.object({ leases: z.array(foundLeaseSchema) }),
  'lease.reap': z.object({
    reaped: z.array(
      z.object({
        run_id: runIdSchema,
        removed: z.array(pathTextSchema),
        left: z.array(z.object({ path: pathTextSchema, reason: z.string() })),
        passed_over: z.string().optional(),
      }),
    ),
  }),
} as const satisfies Record<NodeRequestKind, z.ZodType>
export type NodeReply<Kind extends NodeRequestKind> = z.infer<(typeof nodeReplies)[Kind]>
