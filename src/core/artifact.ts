import { z } from 'zod'
import { jobIdSchema, runIdSchema } from './ids.ts'
import { timestampSchema } from './timestamp.ts'

/** The format version this code writes, and the highest one it reads. */
export const formatVersion = 1

/** Names of the objects of an artifact, below `<prefix>/<job_id>/<run_id>/`. See docs/design/artifact-format.md. */
export const objectNames = {
  run: 'run.json',
  /** raw_tree_v1: files under their own paths */
  tree: 'data',
  /** raw_tree_v1: files whose paths the target cannot hold */
  odd: 'odd',
  index: 'entries.jsonl.zst',
  encryptedIndex: 'entries.jsonl.zst.age',
  manifest: 'manifest.json',
  restoreNotes: 'RESTORE.md',
  complete: 'complete.json',
} as const

/** At the root of the prefix: which target this is. */
export const targetIdentityKey = 'bastion-target.json'

/** `payload.part000001` for part 1. */
export function partName(partNumber: number): string {
  return `payload.part${String(partNumber).padStart(6, '0')}`
}

/** The key prefix of a run's directory, without a slash at its end. */
export function runPrefix(jobId: string, runId: string): string {
  return `${jobId}/${runId}`
}

export const blake3HexSchema = z.string().regex(/^[0-9a-f]{64}$/, 'a BLAKE3 hash is 64 hex digits')

export const formatSchema = z.enum(['archive_v1', 'raw_tree_v1'])
export type Format = z.infer<typeof formatSchema>

/** Written when a target is first used: another id, or none where one was known, means another disk is mounted there. */
export const targetIdentitySchema = z.object({ v: z.literal(1), target_id: z.string().min(1).max(128), created_at: timestampSchema })
export type TargetIdentity = z.infer<typeof targetIdentitySchema>

/** Written first: proves that the directory is ours and lets cleanup find its run. */
export const runMarkerSchema = z.object({
  v: z.literal(1),
  hub_id: z.string(),
  job_id: jobIdSchema,
  run_id: runIdSchema,
  node_id: z.string(),
  format: formatSchema,
  owner_token: z.string().min(16),
  started_at: timestampSchema,
})
export type RunMarker = z.infer<typeof runMarkerSchema>

/** Written last: without it the artifact does not exist. */
export const completeMarkerSchema = z.object({ v: z.literal(1), run_id: runIdSchema, manifest_hash: blake3HexSchema, completed_at: timestampSchema })
export type CompleteMarker = z.infer<typeof completeMarkerSchema>
