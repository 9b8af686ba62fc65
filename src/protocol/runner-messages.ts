import { z } from 'zod'
import { failureSchema, runOutcomeSchema } from '../core/run.ts'
import { progressSchema, runEventSchema } from '../core/run-event.ts'
import { nodeRequestSchema } from './node-requests.ts'
import { credentialsSchema, runPlanSchema } from './run-plan.ts'

/** What a node lends to its runs. It is the node's own configuration: no plan can widen it. */
export const nodeMeansSchema = z.object({
  data_dir: z.string(),
  /** never part of a source: the data directory, the folders of local targets */
  own_directories: z.array(z.string()),
  snapshot_roots: z.array(z.string()),
  /** absent: all */
  snapshot_providers: z.array(z.string()).optional(),
})
export type NodeMeans = z.infer<typeof nodeMeansSchema>

/** `plan.json` of a run directory: all a runner is told before it has a socket. */
export const runnerTaskSchema = z.object({ v: z.literal(1), accepted_at: z.number(), plan: runPlanSchema, means: nodeMeansSchema })
export type RunnerTask = z.infer<typeof runnerTaskSchema>

/** A line of `journal.ndjson`: an event, numbered from 1 without a gap, or, as the last one, how the run ended. */
export const journalLineSchema = z.union([
  z.object({ seq: z.int().positive(), event: runEventSchema }),
  z.object({ last_seq: z.int().nonnegative(), outcome: runOutcomeSchema }),
])
export type JournalLine = z.infer<typeof journalLineSchema>

/** Runner to executor, a line of JSON each. */
export const runnerMessageSchema = z.discriminatedUnion('type', [
  /** told on connecting and whenever it changes; `ended`: the outcome is durable too */
  z.object({ type: z.literal('runner.state'), durable_seq: z.int().nonnegative(), ended: z.boolean(), needs_credentials: z.boolean() }),
  z.object({ type: z.literal('runner.progress'), progress: progressSchema }),
])
export type RunnerMessage = z.infer<typeof runnerMessageSchema>

/** Executor to runner. Each may come more than once. */
export const runnerOrderSchema = z.discriminatedUnion('type', [
  z.object({ type: z.literal('runner.credentials'), credentials: credentialsSchema }),
  z.object({ type: z.literal('runner.cancel') }),
])
export type RunnerOrder = z.infer<typeof runnerOrderSchema>

/** What a process that answers one request reads from its stdin, which ends when nobody wants the answer any more. */
export const requestTaskSchema = z.object({ request: nodeRequestSchema, means: nodeMeansSchema })
export type RequestTask = z.infer<typeof requestTaskSchema>

/** What it says on file descriptor 3: first the answer, or why there is none; then, when all bytes are on its stdout, that it is done. */
export const requestAnswerSchema = z.discriminatedUnion('type', [
  z.object({ type: z.literal('answer'), ok: z.unknown() }),
  z.object({ type: z.literal('failed'), error: failureSchema }),
  z.object({ type: z.literal('done') }),
])
export type RequestAnswer = z.infer<typeof requestAnswerSchema>
