import { z } from 'zod'
import { runIdSchema } from '../core/ids.ts'
import { operationIdSchema, operationOutcomeSchema } from '../core/operation.ts'
import { progressSchema, runEventSchema } from '../core/run-event.ts'
import { failureSchema, runOutcomeSchema } from '../core/run.ts'
import { nodeRequestSchema } from './node-requests.ts'
import { operationCredentialsSchema, operationPlanSchema } from './operation-plan.ts'
import { credentialsSchema, runPlanSchema } from './run-plan.ts'

/** The versions of these messages that this code speaks. */
export const protocolVersions = { min: 1, max: 1 } as const

const seq = z.int().positive()

/** A run as its node knows it: `last_seq` is the last event of its journal, 0 when there is none. */
export const knownRunSchema = z.object({ run_id: runIdSchema, last_seq: z.int().nonnegative(), ended: z.boolean() })
export type KnownRun = z.infer<typeof knownRunSchema>
const knownOperationSchema = knownRunSchema.omit({ run_id: true }).extend({ operation_id: operationIdSchema })
export type KnownOperation = z.infer<typeof knownOperationSchema>

const ofRun = { run_id: runIdSchema }
const ofOperation = { operation_id: operationIdSchema }
const refused = { error: failureSchema }
const events = { first_seq: seq, events: z.array(runEventSchema).min(1) }
const lastSeq = z.int().nonnegative()

/**
 * Node to Hub. Every message may arrive twice. The numbers of the events of a run, or of an operation, are the node's own, from 1 without a gap; the Hub takes the event that follows the last
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
    known_operations: z.array(knownOperationSchema).default([]),
  }),
  z.object({ type: z.literal('node.heartbeat') }),
  z.object({ type: z.literal('run.accepted'), ...ofRun }),
  z.object({ type: z.literal('run.refused'), ...ofRun, ...refused }),
  z.object({ type: z.literal('run.events'), ...ofRun, ...events }),
  /** where the run is; the newest replaces those before, none is kept */
  z.object({ type: z.literal('run.progress'), ...ofRun, progress: progressSchema }),
  /** `last_seq`: how many events there are in all */
  z.object({ type: z.literal('run.finished'), ...ofRun, last_seq: lastSeq, outcome: runOutcomeSchema }),
  z.object({ type: z.literal('operation.accepted'), ...ofOperation }),
  z.object({ type: z.literal('operation.refused'), ...ofOperation, ...refused }),
  z.object({ type: z.literal('operation.events'), ...ofOperation, ...events }),
  z.object({ type: z.literal('operation.progress'), ...ofOperation, progress: progressSchema }),
  z.object({ type: z.literal('operation.finished'), ...ofOperation, last_seq: lastSeq, outcome: operationOutcomeSchema }),
  z.object({ type: z.literal('reply'), request_id: z.string(), ok: z.unknown().optional(), error: failureSchema.optional() }),
])
export type NodeMessage = z.infer<typeof nodeMessageSchema>

/** Hub to node. */
export const hubMessageSchema = z.discriminatedUnion('type', [
  z.object({ type: z.literal('hub.welcome'), protocol: z.int() }),
  z.object({ type: z.literal('hub.refused'), reason: z.enum(['agent_too_old', 'agent_too_new', 'revoked']) }),
  z.object({ type: z.literal('run.offer'), plan: runPlanSchema, credentials: credentialsSchema }),
  z.object({ type: z.literal('run.cancel'), ...ofRun }),
  /** send the events after `after_seq`, those of the past and those to come, and the outcome */
  z.object({ type: z.literal('run.attach'), ...ofRun, after_seq: lastSeq }),
  /** the Hub has kept everything up to `seq`; with `ended` the outcome too: then the node may forget the run */
  z.object({ type: z.literal('run.ack'), ...ofRun, seq: lastSeq, ended: z.boolean() }),
  z.object({ type: z.literal('operation.offer'), plan: operationPlanSchema, credentials: operationCredentialsSchema }),
  z.object({ type: z.literal('operation.cancel'), ...ofOperation }),
  z.object({ type: z.literal('operation.attach'), ...ofOperation, after_seq: lastSeq }),
  z.object({ type: z.literal('operation.ack'), ...ofOperation, seq: lastSeq, ended: z.boolean() }),
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
