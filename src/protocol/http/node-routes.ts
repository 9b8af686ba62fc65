import { z } from 'zod'
import { snapshotModeSchema } from '../../core/source-snapshot.ts'
import { jobTargetSchema } from '../job-spec.ts'
import { nodeReplies } from '../node-replies.ts'
import { listOf, pageQuery } from './page.ts'
import { describeRoutes } from './route.ts'

const params = z.object({ id: z.string().min(1).max(64) })

export const nodeSchema = z.object({
  id: z.string(),
  connected: z.boolean(),
  /** runs it has been offered and that have not ended */
  running: z.int().nonnegative(),
})

export const nodeRoutes = describeRoutes({
  list: {
    method: 'GET',
    path: '/nodes',
    summary: 'The machines that carry out work',
    access: 'viewer',
    answer: { status: 200, json: listOf(nodeSchema) },
  },
  get: { method: 'GET', path: '/nodes/:id', summary: 'One node', access: 'viewer', params, answer: { status: 200, json: nodeSchema } },
  browse: {
    method: 'GET',
    path: '/nodes/:id/fs/list',
    summary: 'What a directory of a node holds, below the roots the node allows',
    access: 'operator',
    params,
    query: z.object({
      path: z.string().max(4096).default('/'),
      cursor: pageQuery.cursor,
      limit: z.coerce.number<number | string>().int().min(1).max(1000).default(200),
    }),
    answer: { status: 200, json: z.object({ path: z.string(), items: nodeReplies['fs.list'].shape.entries, next_cursor: z.string().nullable() }) },
  },
  checkTarget: {
    method: 'POST',
    path: '/nodes/:id/targets/check',
    summary: 'Run the promises every target has to keep on a storage, from this node, in a new directory that is removed again',
    access: 'operator',
    params,
    body: z.strictObject({ target: jobTargetSchema }),
    answer: { status: 200, json: nodeReplies['target.check'] },
  },
  probeSnapshot: {
    method: 'POST',
    path: '/nodes/:id/snapshots/probe',
    summary: 'How a path would be frozen for a backup; changes nothing',
    access: 'operator',
    params,
    body: z.strictObject({
      path: z.string().regex(/^\//, 'a source path is absolute').max(4096),
      snapshot_mode: snapshotModeSchema.default('auto'),
      snapshot_provider: z.string().max(64).optional(),
    }),
    answer: { status: 200, json: nodeReplies['snapshot.probe'] },
  },
  leases: {
    method: 'GET',
    path: '/nodes/:id/leases',
    summary: 'The source snapshots of a node',
    access: 'viewer',
    params,
    answer: { status: 200, json: nodeReplies['lease.list'] },
  },
  reapLeases: {
    method: 'POST',
    path: '/nodes/:id/leases/reap',
    summary: 'Remove the source snapshots that ended runs have left',
    access: 'operator',
    params,
    answer: { status: 200, json: nodeReplies['lease.reap'] },
  },
})
