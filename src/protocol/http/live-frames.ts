import { z } from 'zod'
import { liveMessageSchema, liveTopicSchema } from '../live-messages.ts'
import { problemSchema } from './problem.ts'

/** Browser to Hub on `/api/events/ws`. */
export const liveRequestSchema = z.discriminatedUnion('type', [
  /** `after_seq` is for `run:<id>`: the events after it come first, then those to come, none left out and none twice */
  z.strictObject({ type: z.literal('subscribe'), topic: liveTopicSchema, after_seq: z.int().nonnegative().optional() }),
  z.strictObject({ type: z.literal('unsubscribe'), topic: liveTopicSchema }),
])

/** Hub to browser, on `/api/events/ws` and on `/api/runs/:id/events/ws`. */
export const liveFrameSchema = z.discriminatedUnion('type', [
  /**
   * What happens from now on arrives. `quiet_ms`: how long ago something was last published on a topic without sequence numbers, null when nothing was since the Hub
   * began: what was read longer ago than that may have changed.
   */
  z.object({ type: z.literal('subscribed'), topic: liveTopicSchema, quiet_ms: z.int().nonnegative().nullable() }),
  z.object({ type: z.literal('published'), topic: liveTopicSchema, message: liveMessageSchema }),
  z.object({ type: z.literal('refused'), topic: liveTopicSchema.optional(), problem: problemSchema }),
])
export type LiveFrame = z.infer<typeof liveFrameSchema>
