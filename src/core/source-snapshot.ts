import { z } from 'zod'
import { timestampSchema } from './timestamp.ts'

export const snapshotModeSchema = z.enum(['auto', 'off', 'required'])

/** What became of the source snapshot of a run: run summary `filesystem.snapshot`. */
export const snapshotSummarySchema = z.object({
  mode: snapshotModeSchema,
  provider: z.string().optional(),
  status: z.enum(['off', 'ready', 'unavailable', 'cleanup_failed']),
  reason: z.string().optional(),
  units: z.array(z.string()).optional(),
  skew_ms: z.number().optional(),
  taken_at: timestampSchema.optional(),
})
export type SnapshotSummary = z.infer<typeof snapshotSummarySchema>
