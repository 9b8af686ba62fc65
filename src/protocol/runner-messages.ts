import { z } from 'zod'
import { operationOutcomeSchema } from '../core/operation.ts'
import { hookCommandSchema } from '../core/hooks.ts'
import { failureSchema, runOutcomeSchema } from '../core/run.ts'
import { progressSchema, runEventSchema } from '../core/run-event.ts'
import { nodeRequestSchema } from './node-requests.ts'
import { operationPlanSchema } from './operation-plan.ts'
import { runPlanSchema } from './run-plan.ts'

/** What a node lends to what it carries out. It is the node's own configuration: no plan can widen it. */
export const nodeMeansSchema = z.object({
  data_dir: z.string(),
  /** never part of a source: the data directory, the folders of local targets */
  own_directories: z.array(z.string()),
  snapshot_roots: z.array(z.string()),
  /** absent: all */
  snapshot_providers: z.array(z.string()).optional(),
  /** directories that may be restored into; the first one is where a restore goes that names none */
  restore_roots: z.array(z.string()).min(1),
  /** commands that may be run around the reading of a source, each with exactly these arguments */
  allowed_hooks: z.array(hookCommandSchema).default([]),
})
export type NodeMeans = z.infer<typeof nodeMeansSchema>

const accepted = { v: z.literal(1), accepted_at: z.number(), means: nodeMeansSchema }
export const runTaskSchema = z.object({ ...accepted, plan: runPlanSchema })
export type RunTask = z.infer<typeof runTaskSchema>
export const operationTaskSchema = z.object({ ...accepted, operation: operationPlanSchema })
export type OperationTask = z.infer<typeof operationTaskSchema>

/** `plan.json` of the directory of a run or an operation: all a runner is told before it has a socket. */
export const runnerTaskSchema = z.union([runTaskSchema, operationTaskSchema])
export type RunnerTask = z.infer<typeof runnerTaskSchema>

/** How either ended. Of the failures of both the fuller one comes first. */
const workOutcomeSchema = z.union([operationOutcomeSchema, runOutcomeSchema])
export type WorkOutcome = z.infer<typeof workOutcomeSchema>

/** A line of `journal.ndjson`: an event, numbered from 1 without a gap, or, as the last one, how it ended. */
export const journalLineSchema = z.union([
  z.object({ seq: z.int().positive(), event: runEventSchema }),
  z.object({ last_seq: z.int().nonnegative(), outcome: workOutcomeSchema }),
])
export type JournalLine = z.infer<typeof journalLineSchema>

/** Runner to executor, a line of JSON each. */
export const runnerMessageSchema = z.discriminatedUnion('type', [
  /** told on connecting and whenever it changes; `ended`: the outcome is durable too */
  z.object({ type: z.literal('runner.state'), durable_seq: z.int().nonnegative(), ended: z.boolean(), needs_credentials: z.boolean() }),
  z.object({ type: z.literal('runner.progress'), progress: progressSchema }),
])
export type RunnerMessage = z.infer<typeof runnerMessageSchema>

/** As the kind of work has them. */
const handedCredentialsSchema = z.record(z.string(), z.unknown())
export type HandedCredentials = z.infer<typeof handedCredentialsSchema>

/** Executor to runner. Each may come more than once. */
export const runnerOrderSchema = z.discriminatedUnion('type', [
  z.object({ type: z.literal('runner.credentials'), credentials: handedCredentialsSchema }),
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
