import { z } from 'zod'
import { conflictPolicySchema, operationSchema, verifyLevelSchema } from '../core/operation.ts'
import { operationReportSchema } from '../core/operation-report.ts'
import { jobTargetSchema } from './job-spec.ts'

/** A path, or a glob as in excludes, from the root of the artifact; what lies below a directory that matches comes with it. None: everything. */
const selectionSchema = z.array(z.string().min(1).max(4096)).max(1000).default([])

/** Where a restore goes. */
const restoreDestinationSchema = z.discriminatedUnion('type', [
  /** of the node, below its restore roots; without a path a new one of its own there */
  z.strictObject({ type: z.literal('directory'), path: z.string().min(1).max(4096).optional() }),
  z.strictObject({ type: z.literal('target'), target: jobTargetSchema }),
])

export type RestoreDestination = z.infer<typeof restoreDestinationSchema>

/** What a restore is asked for with. */
export const restoreSpecSchema = z.strictObject({
  destination: restoreDestinationSchema.default({ type: 'directory' }),
  only: selectionSchema,
  conflict: conflictPolicySchema.default('fail'),
  /** go on past what is damaged, and tell of it at the end */
  damaged: z.boolean().default(false),
})

export const verifySpecSchema = z.strictObject({
  level: verifyLevelSchema.default('full'),
  /** with `sample`: at least so much of the content */
  sample_percent: z.number().positive().max(100).default(5),
})

/** What was asked for, as it is kept. */
export const operationSpecSchema = z.discriminatedUnion('kind', [
  restoreSpecSchema.extend({ kind: z.literal('restore') }),
  verifySpecSchema.extend({ kind: z.literal('verify') }),
  z.strictObject({ kind: z.literal('drill') }),
])
export type OperationSpec = z.infer<typeof operationSpecSchema>

/** An operation alone: with what was asked and what its end said. */
export const operationDetailSchema = operationSchema.extend({ spec: operationSpecSchema, report: operationReportSchema.nullable() })
export type OperationDetail = z.infer<typeof operationDetailSchema>
