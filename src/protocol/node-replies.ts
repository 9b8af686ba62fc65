import { z } from 'zod'
import { entryChanges } from '../core/entry-change.ts'
import { entrySchema, indexHeaderSchema } from '../core/entry.ts'
import { fileVersionSchema } from '../core/file-version.ts'
import { jobIdSchema, runIdSchema } from '../core/ids.ts'
import { restorePreviewSchema } from '../core/restore-preview.ts'
import { failureSchema, storedArtifactSchema } from '../core/run.ts'
import { snapshotLeaseSchema } from '../core/snapshot-lease.ts'
import { timestampSchema } from '../core/timestamp.ts'
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

const entryDifferenceSchema = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('added'), entry: listedEntrySchema }),
  z.object({ kind: z.literal('removed'), entry: listedEntrySchema }),
  z.object({ kind: z.literal('changed'), before: listedEntrySchema, entry: listedEntrySchema, what: z.array(z.enum(entryChanges)) }),
])

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
  /** `bytes`: of its objects as they were listed before */
  z.object({ run_id: runIdSchema, result: z.literal('removed'), objects: z.int().nonnegative(), bytes: z.int().nonnegative() }),
  /** nothing is there, and the target was proven to be the expected one before and after the look */
  z.object({ run_id: runIdSchema, result: z.literal('not_there') }),
  /** `target_identity`: another target is there, or none; `conflict`: the directory is not provably ours. `touched`: something of it may be gone by now */
  z.object({ run_id: runIdSchema, result: z.literal('failed'), error: failureSchema, touched: z.boolean() }),
])

/** `complete`: it is an artifact. `too_new`: something happened in it lately. `alive`: its run is under way on the node */
const cleanedRunSchema = z.discriminatedUnion('result', [
  ...deletedArtifactSchema.options,
  z.object({ run_id: runIdSchema, result: z.literal('kept'), why: z.enum(['complete', 'too_new', 'alive']) }),
])

const scannedRef = { job_id: jobIdSchema, run_id: runIdSchema }
const scannedPlaceSchema = z.discriminatedUnion('state', [
  z.object({
    ...scannedRef,
    state: z.literal('complete'),
    hub_id: z.string(),
    node_id: z.string(),
    retry_of: runIdSchema.nullable(),
    started_at: timestampSchema,
    ended_at: timestampSchema,
    consistency_changed_total: z.int().nonnegative(),
    artifact: storedArtifactSchema,
    /** age recipients; none means not encrypted */
    recipients: z.array(z.string()),
    /** what it says of its job: of the newest artifact of each job in a page, where its index can be opened */
    job: indexHeaderSchema.shape.job.optional(),
  }),
  /** its marker stands, but the chain behind it is broken. `hub_id`: null where nothing tells it any more */
  z.object({ ...scannedRef, state: z.literal('damaged'), why: z.string(), hub_id: z.string().nullable() }),
  /** without a marker. `hub_id`, `node_id`: null of a directory in which no object is. `last_sign_at`: when something happened in it last */
  z.object({
    ...scannedRef,
    state: z.literal('incomplete'),
    hub_id: z.string().nullable(),
    node_id: z.string().nullable(),
    last_sign_at: z.int(),
    objects: z.int().nonnegative(),
    bytes: z.int().nonnegative(),
  }),
  /** neither a job's nor a run's; "" is the target's own top */
  z.object({ state: z.literal('foreign'), path: z.string(), why: z.string() }),
])
export type ScannedPlace = z.infer<typeof scannedPlaceSchema>

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
  /** answered as a download is: something of it was found */
  'entries.pack': z.object({}),
  'entries.search': z.object({ entries: z.array(listedEntrySchema), next }),
  'entries.diff': z.object({ changes: z.array(entryDifferenceSchema), next }),
  /** one for each artifact, in the order they were named */
  'entries.history': z.object({ versions: z.array(fileVersionSchema) }),
  /** one for each artifact that was named */
  'artifact.delete': z.object({ results: z.array(deletedArtifactSchema) }),
  'artifact.check': z.discriminatedUnion('status', [
    z.object({ status: z.literal('ok'), objects: z.int().positive() }),
    z.object({ status: z.literal('damaged'), why: z.string() }),
    /** the target was proven to be the expected one before and after the look */
    z.object({ status: z.literal('not_there') }),
  ]),
  'target.scan': z.object({ target_id: z.string(), found: z.array(scannedPlaceSchema), next }),
  /** one for each run that was named */
  'cleanup.run': z.object({ results: z.array(cleanedRunSchema) }),
  'lease.list': z.object({ leases: z.array(foundLeaseSchema) }),
  /** `destination`: as it is named to people; a directory that is not named is made when the restore is. `restore_roots`: where directories of the node must lie */
  'restore.plan': restorePreviewSchema.extend({ destination: z.string(), restore_roots: z.array(z.string()) }),
  'scratch.reap': z.object({ removed: z.int().nonnegative() }),
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
