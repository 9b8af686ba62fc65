import { z } from 'zod'
import { jobIdSchema, runIdSchema } from '../../core/ids.ts'
import { keptRunEventSchema } from '../../core/run-event.ts'
import { runDetailSchema } from '../../core/run-detail.ts'
import { runSchema, runStatusSchema } from '../../core/run.ts'
import { nodeReplies } from '../node-replies.ts'
import { entriesPageQuery, listOf, pageOf, pageQuery } from './page.ts'
import { pathBytes, pathQuery } from './path-query.ts'
import { describeRoutes } from './route.ts'

const params = z.object({ id: runIdSchema })

export const runRoutes = describeRoutes({
  list: {
    method: 'GET',
    path: '/runs',
    summary: 'Runs of all jobs, the newest first',
    access: 'viewer',
    query: z.object({ status: runStatusSchema.optional(), job_id: jobIdSchema.optional(), ...pageQuery }),
    answer: { status: 200, json: pageOf(runSchema) },
  },
  get: {
    method: 'GET',
    path: '/runs/:id',
    summary: 'One run with its summary',
    access: 'viewer',
    params,
    answer: { status: 200, json: runDetailSchema },
  },
  cancel: {
    method: 'POST',
    path: '/runs/:id/cancel',
    summary: 'Ask a run to stop; it stays asked for until it has',
    access: 'operator',
    params,
    answer: { status: 202, json: runDetailSchema },
  },
  events: {
    method: 'GET',
    path: '/runs/:id/events',
    summary: 'What happened in a run, in order, after a sequence number',
    access: 'viewer',
    params,
    query: z.object({
      after_seq: z.coerce.number<number | string>().int().nonnegative().default(0),
      limit: z.coerce.number<number | string>().int().min(1).max(1000).default(200),
    }),
    answer: { status: 200, json: listOf(keptRunEventSchema) },
  },
  entries: {
    method: 'GET',
    path: '/runs/:id/entries',
    summary: 'What a directory of the artifact holds',
    access: 'viewer',
    params,
    query: z.object({ prefix: z.string().max(4096).default(''), prefix_b64: pathBytes, ...entriesPageQuery }),
    answer: { status: 200, json: pageOf(nodeReplies['entries.list'].shape.entries.element) },
  },
  download: {
    method: 'GET',
    path: '/runs/:id/entries/download',
    summary: 'The content of one file of the artifact, verified while it is sent',
    access: 'operator',
    params,
    query: z.object(pathQuery),
    answer: { status: 200, bytes: true },
  },
})
