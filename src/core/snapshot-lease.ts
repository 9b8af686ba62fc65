import { z } from 'zod'
import { runIdSchema } from './ids.ts'

/** A path as it stands in JSON: `text` to read, `b64` its bytes where they are not UTF-8. */
const pathSchema = z.object({ text: z.string(), b64: z.base64().optional() })

/** One source snapshot: what is to be frozen and how the copy is called, and, once it is made, what it is. */
export const snapshotRecordSchema = z.object({
  provider: z.string(),
  /** what is frozen, for people: `btrfs:/dev/sda2[/srv]` */
  unit: z.string(),
  /** `<run_id>-<n>`: nothing else is ever called so */
  name: z.string().regex(/^[0-9a-f-]{36}-\d+$/),
  /** the root of the unit when it was frozen */
  root: pathSchema,
  /** where the snapshot can be read */
  path: pathSchema,
  /** what the provider knew of the unit before, enough to tell its snapshot from any other */
  facts: z.record(z.string(), z.string()),
  /** what identifies the snapshot; `null` until it is known to be made */
  identity: z.record(z.string(), z.string()).nullable(),
})
export type SnapshotRecord = z.infer<typeof snapshotRecordSchema>

/**
 * The source snapshots of one run, on disk before the first of them is made and until the last is proven gone: `leases/<run_id>.json` in the data
 * directory. Nothing is removed that no lease names.
 */
export const snapshotLeaseSchema = z.object({
  v: z.literal(1),
  run_id: runIdSchema,
  /** put on snapshots that can carry a mark */
  owner_token: z.string().min(16),
  /** for people; whether the run lives is told by a lock */
  pid: z.number().int(),
  boot_id: z.string(),
  created_at: z.number(),
  snapshots: z.array(snapshotRecordSchema),
  /** failed attempts to remove what is left */
  attempts: z.number().int().nonnegative().default(0),
  last_error: z.string().optional(),
})
export type SnapshotLease = z.infer<typeof snapshotLeaseSchema>
