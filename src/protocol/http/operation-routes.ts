import { z } from 'zod'
import { jobIdSchema, runIdSchema } from '../../core/ids.ts'
import { operationIdSchema, operationKindSchema, operationSchema } from '../../core/operation.ts'
import { keptRunEventSchema } from '../../core/run-event.ts'
import { nodeReplies } from '../node-replies.ts'
import { operationDetailSchema, restoreSpecSchema, verifySpecSchema } from '../operation-spec.ts'
import { listOf, pageOf, pageQuery } from './page.ts'
import { describeRoutes } from './route.ts'

const params = z.object({ id: operationIdSchema })
const ofRun = z.object({ id: runIdSchema })
const asked = { status: 202, json: z.object({ operation_id: operationIdSchema }) } as const

export const operationRoutes = describeRoutes({
  restore: {
    method: 'POST',
    path: '/runs/:id/restore',
    summary: 'Restore the artifact of a run, or some of it, to a directory of its node or to a target',
    access: 'operator',
    params: ofRun,
    body: restoreSpecSchema,
    answer: asked,
  },
  planRestore: {
    method: 'POST',
    path: '/runs/:id/restore/plan',
    summary: 'What a restore would bring, what is in its way, and whether there is room; nothing is written',
    access: 'operator',
    params: ofRun,
    body: restoreSpecSchema,
    answer: { status: 200, json: nodeReplies['restore.plan'] },
  },
  verify: {
    method: 'POST',
    path: '/runs/:id/verify',
    summary: 'Prove that the artifact of a run is whole',
    access: 'operator',
    params: ofRun,
    body: verifySpecSchema,
    answer: asked,
  },
  drill: {
    method: 'POST',
    path: '/runs/:id/drill',
    summary: 'Prove that the artifact of a run can be restored: into a temporary directory, where everything is looked at',
    access: 'operator',
    params: ofRun,
    answer: asked,
  },
  list: {
    method: 'GET',
    path: '/operations',
    summary: 'Operations on all artifacts, the newest first',
    access: 'viewer',
    query: z.object({
      status: operationSchema.shape.status.optional(),
      kind: operationKindSchema.optional(),
      job_id: jobIdSchema.optional(),
      run_id: runIdSchema.optional(),
      ...pageQuery,
    }),
    answer: { status: 200, json: pageOf(operationSchema) },
  },
  get: {
    method: 'GET',
    path: '/operations/:id',
    summary: 'One operation with what was asked, and what it has found',
    access: 'viewer',
    params,
    answer: { status: 200, json: operationDetailSchema },
  },
  cancel: {
    method: 'POST',
    path: '/operations/:id/cancel',
    summary: 'Ask an operation to stop; it stays asked for until it has',
    access: 'operator',
    params,
    answer: { status: 202, json: operationDetailSchema },
  },
  events: {
    method: 'GET',
    path: '/operations/:id/events',
    summary: 'What happened in an operation, in order, after a sequence number',
    access: 'viewer',
    params,
    query: z.object({
      after_seq: z.coerce.number<number | string>().int().nonnegative().default(0),
      limit: z.coerce.number<number | string>().int().min(1).max(1000).default(200),
    }),
    answer: { status: 200, json: listOf(keptRunEventSchema) },
  },
})
