import { z } from 'zod'
import { timestampSchema } from './timestamp.ts'

export const runEventKinds = [
  'queued',
  'dispatched',
  'started',
  'scan',
  'planning',
  'snapshot_started',
  'snapshot_ready',
  'snapshot_unavailable',
  'snapshot_cleanup_failed',
  'coverage',
  'hook',
  'sqlite_captured',
  'packaging',
  'upload',
  'part_stored',
  'source_consistency',
  'issues',
  'cleanup',
  'restoring',
  'conflicts',
  'verifying',
  'damaged',
  'sqlite_checked',
  'recipe_checked',
  'complete',
  'failed',
  'interrupted',
  'cancel_requested',
  'canceled',
  'rejected',
  'retry_scheduled',
  'notified',
  'notify_failed',
] as const
export type RunEventKind = (typeof runEventKinds)[number]

export const runEventSchema = z.object({
  ts: timestampSchema,
  level: z.enum(['info', 'warn', 'error']),
  kind: z.enum(runEventKinds),
  message: z.string(),
  fields: z.record(z.string(), z.unknown()),
})
/** One thing that happened in a run. Its sequence number is given where events are kept. */
export type RunEvent = z.infer<typeof runEventSchema>

/** An event as the Hub keeps it: `seq` counts the events of its run from 1 without a gap. */
export const keptRunEventSchema = runEventSchema.extend({ seq: z.int().positive() })
export type KeptRunEvent = z.infer<typeof keptRunEventSchema>

const amounts = z.object({ files: z.number(), dirs: z.number(), bytes: z.number() })

/** How far a run is. `rate_bps` bytes of source a second, `eta_s` seconds. */
export const progressSchema = z.object({
  stage: z.string(),
  done: amounts,
  total: amounts.optional(),
  rate_bps: z.number(),
  eta_s: z.number().nullable(),
  stored_bytes: z.number(),
})
export type Progress = z.infer<typeof progressSchema>
