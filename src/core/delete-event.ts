import { z } from 'zod'
import { runEventSchema } from './run-event.ts'

export const deleteEventKinds = [
  'requested',
  'started',
  'interrupted',
  'waiting',
  'retry_scheduled',
  'blocked',
  'held',
  'abandoned',
  'retry_now',
  'confirmed',
  'ignored',
  'unignored',
  'deleted',
  'missing',
] as const

/** One thing that happened to the delete of an artifact. */
export const deleteEventSchema = runEventSchema.extend({ kind: z.enum(deleteEventKinds) })
export type DeleteEvent = z.infer<typeof deleteEventSchema>

/** As the Hub keeps it, for as long as the artifact's run: `seq` counts the events of one delete from 1 without a gap. */
export const keptDeleteEventSchema = deleteEventSchema.extend({ seq: z.int().positive() })
export type KeptDeleteEvent = z.infer<typeof keptDeleteEventSchema>
