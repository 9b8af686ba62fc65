import { z } from 'zod'
import { blake3HexSchema, formatSchema } from './artifact.ts'
import { consistencyTotalsSchema } from './consistency.ts'
import { coverageItemSchema } from './coverage.ts'
import { gradeSchema } from './grade.ts'
import { jobIdSchema, runIdSchema } from './ids.ts'
import { snapshotSummarySchema } from './source-snapshot.ts'
import { timestampSchema } from './timestamp.ts'

const size = z.number().int().nonnegative()

/** What an artifact is made of. Clear even when the artifact is encrypted: then `source`, `coverage` and the snapshot's reason are left out. */
export const manifestSchema = z.object({
  format_version: z.number().int().positive(),
  /** features a reader must know; a reader that does not refuses, naming it */
  requires: z.array(z.string()).optional(),
  producer: z.string(),
  hub_id: z.string(),
  job_id: jobIdSchema,
  run_id: runIdSchema,
  retry_of: runIdSchema.nullable(),
  node_id: z.string(),
  started_at: timestampSchema,
  ended_at: timestampSchema,
  pipeline: z.object({
    format: formatSchema,
    tar: z.literal('pax').optional(),
    compression: z.literal('zstd').optional(),
    level: z.number().int().optional(),
    frame_bytes: size.optional(),
    encryption: z.enum(['none', 'age_x25519']),
    recipients: z.array(z.string()).optional(),
    encryption_key: z.string().optional(),
    part_size_bytes: size.optional(),
  }),
  /** archive_v1: the parts, in order; raw_tree_v1: none, the index has the hash of each file */
  artifacts: z.array(z.object({ name: z.string(), size, hash_alg: z.literal('blake3'), hash: blake3HexSchema })),
  /** `count` entries; `size` and `hash` of the object as stored */
  entry_index: z.object({ name: z.string(), count: size, size, hash: blake3HexSchema }),
  /** the winners only: a superseded member counts once */
  totals: z.object({
    files: size,
    dirs: size,
    links: size,
    others: size,
    source_bytes: size,
    /** of sparse files in an archive, beside `source_bytes`; absent is none */
    hole_bytes: size.optional(),
    stored_bytes: size,
    payload_tar_bytes: size.optional(),
  }),
  snapshot: snapshotSummarySchema,
  source: z.looseObject({ type: z.string() }).optional(),
  coverage: z.array(coverageItemSchema).optional(),
  consistency: consistencyTotalsSchema.extend({ grade: gradeSchema }),
})
export type Manifest = z.infer<typeof manifestSchema>
