import { z } from 'zod'
import { runIdSchema } from '../core/ids.ts'
import { progressSchema, runEventSchema } from '../core/run-event.ts'
import { failureSchema, runOutcomeSchema } from '../core/run.ts'
import { nodeRequestSchema } from './node-requests.ts'
import { credentialsSchema, runPlanSchema } from './run-plan.ts'

/** The versions of these messages that this code speaks. */
export const protocolVersions = { min: 1, max: 1 } as const

const seq = z.int().positive()

/** A run as its node knows it: `last_seq` is the last event of its journal, 0 when there is none. */
export const knownRunSchema = z.object({ run_id: runIdSchema, last_seq: z.int().nonnegative(), ended: z.boolean() })
export type KnownRun = z.infer<typeof knownRunSchema>

/**
 * Node to Hub. Every message may arrive twice. The numbers of a run's events are the node's own, from 1 without a gap; the Hub takes the event that follows the last
 * one it has and passes over the others.
 */
export const nodeMessageSchema = z.discriminatedUnion('type', [
  z.object({
    type: z.literal('node.hello'),
    protocol_min: z.int(),
    protocol_max: z.int(),
    version: z.string(),
    capabilities: z.array(z.string()),
    /** of this start of the machine */
    boot_id: z.string(),
    known_runs: z.array(knownRunSchema),
  }),
  z.object({ type: z.literal('node.heartbeat') }),
  z.object({ type: z.literal('run.accepted'), run_id: runIdSchema }),
  z.object({ type: z.literal('run.refused'), run_id: runIdSchema, error: failureSchema }),
  z.object({ type: z.literal('run.events'), run_id: runIdSchema, first_seq: seq, events: z.array(runEventSchema).min(1) }),
  /** where the run is; the newest replaces those before, none is kept */
  z.object({ type: z.literal('run.progress'), run_id: runIdSchema, progress: progressSchema }),
  /** `last_seq`: how many events there are in all */
  z.object({ type: z.literal('run.finished'), run_id: runIdSchema, last_seq: z.int().nonnegative(), outcome: runOutcomeSchema }),
  z.object({ type: z.literal('reply'), request_id: z.string(), ok: z.unknown().optional(), error: failureSchema.optional() }),
])
export type NodeMessage = z.infer<typeof nodeMessageSchema>

/** Hub to node. */
export const hubMessageSchema = z.discriminatedUnion('type', [
  z.object({ type: z.literal('hub.welcome'), protocol: z.int() }),
  z.object({ type: z.literal('hub.refused'), reason: z.enum(['agent_too_old', 'agent_too_new', 'revoked']) }),
  z.object({ type: z.literal('run.offer'), plan: runPlanSchema, credentials: credentialsSchema }),
  z.object({ type: z.literal('run.cancel'), run_id: runIdSchema }),
  /** send the events after `after_seq`, those of the past and those to come, and the outcome */
  z.object({ type: z.literal('run.attach'), run_id: runIdSchema, after_seq: z.int().nonnegative() }),
  /** the Hub has kept everything up to `seq`; with `ended` the outcome too: then the node may forget the run */
  z.object({ type: z.literal('run.ack'), run_id: runIdSchema, seq: z.int().nonnegative(), ended: z.boolean() }),
  z.object({ type: z.literal('request'), request_id: z.string(), request: nodeRequestSchema }),
  z.object({ type: z.literal('request.cancel'), request_id: z.string() }),
])
export type HubMessage = z.infer<typeof hubMessageSchema>

/** One side's end of what connects the Hub and a node. Messages arrive in the order they were sent, or not at all once it is closed. */
export interface MessageLink<Sent, Received> {
  send(message: Sent): void
  /** @param handlers exactly one set, given before the first message is sent */
  receive(handlers: { message(message: Received): void; closed(): void }): void
  close(): void
}
export type HubEnd = MessageLink<HubMessage, NodeMessage>
export type NodeEnd = MessageLink<NodeMessage, HubMessage>
