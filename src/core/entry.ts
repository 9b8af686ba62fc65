import { z } from 'zod'
import { blake3HexSchema } from './artifact.ts'
import { coverageItemSchema } from './coverage.ts'
import { gradeSchema } from './grade.ts'
import { snapshotSummarySchema } from './source-snapshot.ts'

export const entryKinds = ['file', 'dir', 'symlink', 'hardlink', 'fifo', 'device', 'socket'] as const
export type EntryKind = (typeof entryKinds)[number]

const base64 = z.string().regex(/^[A-Za-z0-9+/]*={0,2}$/)
const offset = z.number().int().nonnegative()

/**
 * One line of the entries index: one file, directory, link or special file of the artifact.
 * Field by field in docs/design/artifact-format.md.
 */
export const entrySchema = z.object({
  /** logical absolute path without its leading "/"; readable only, where `path_b64` has the bytes */
  path: z.string(),
  path_b64: base64.optional(),
  kind: z.enum(entryKinds),
  /** bytes of content, files only */
  size: offset.optional(),
  hash: blake3HexSchema.optional(),
  /** st_mode, type bits included */
  mode: offset,
  uid: offset,
  gid: offset,
  user: z.string().optional(),
  group: z.string().optional(),
  /** nanoseconds since 1970 as text, can be negative; a filesystem can hold any 64-bit second */
  mtime_ns: z.string().regex(/^-?\d{1,28}$/),
  /** where a symlink points; for a hard link the path of the member it links to, without leading "/" */
  target: z.string().optional(),
  target_b64: base64.optional(),
  /** devices: [major, minor] */
  rdev: z.tuple([offset, offset]).optional(),
  device: z.enum(['block', 'char']).optional(),
  /** raw_tree_v1: where the content of a file is whose name the target cannot hold */
  object: z.string().optional(),
  /** archive_v1: [offset of the zstd frame (before age) that holds the member's first 512-byte block, tar bytes to skip in it] */
  at: z.tuple([offset, offset]).optional(),
  xattrs: z.record(z.string(), base64).optional(),
  sparse: z.literal(true).optional(),
  hardlink_group: z.string().optional(),
  grade: gradeSchema.optional(),
  flags: z.array(z.string()).optional(),
  supersedes: z.literal(true).optional(),
})
export type Entry = z.infer<typeof entrySchema>

/** First line of the index: what the manifest may not say when the artifact is encrypted. */
export const indexHeaderSchema = z.object({
  v: z.literal(1),
  source: z.looseObject({ type: z.string() }),
  coverage: z.array(coverageItemSchema),
  snapshot: snapshotSummarySchema,
  job: z.object({ name: z.string(), spec: z.looseObject({}) }),
})
export type IndexHeader = z.infer<typeof indexHeaderSchema>

/** Last line of the index, alone in its zstd frame: the first path of each frame of entries, in order. */
export const indexLookupSchema = z.object({ lookup: z.array(z.union([z.string(), z.object({ b64: base64 })])) })
export type IndexLookup = z.infer<typeof indexLookupSchema>
