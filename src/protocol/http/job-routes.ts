import { z } from 'zod'
import { jobIdSchema, runIdSchema } from '../../core/ids.ts'
import { jobFields } from '../../core/job.ts'
import { runSchema, runStatusSchema } from '../../core/run.ts'
import { jobSchema, jobSpecSchema } from '../job-spec.ts'
import { pageOf, pageQuery } from './page.ts'
import { describeRoutes } from './route.ts'

const params = z.object({ id: jobIdSchema })

export const jobRoutes = describeRoutes({
  list: {
    method: 'GET',
    path: '/jobs',
    summary: 'Jobs with their next and last run, the newest first',
    access: 'viewer',
    query: z.object({
      node_id: z.string().max(64).optional(),
      /** those that are archived instead of those that are not */
      archived: z.enum(['true', 'false']).default('false'),
      ...pageQuery,
    }),
    answer: { status: 200, json: pageOf(jobSchema) },
  },
  create: {
    method: 'POST',
    path: '/jobs',
    summary: 'Make a job; all but name, source and target has a default',
    access: 'operator',
    body: jobSpecSchema,
    answer: { status: 201, json: jobSchema },
  },
  get: { method: 'GET', path: '/jobs/:id', summary: 'One job', access: 'viewer', params, answer: { status: 200, json: jobSchema } },
  update: {
    method: 'PUT',
    path: '/jobs/:id',
    summary: 'Replace what was decided of a job; a run under way goes on as it was planned',
    access: 'operator',
    params,
    body: jobSpecSchema,
    answer: { status: 200, json: jobSchema },
  },
  remove: {
    method: 'DELETE',
    path: '/jobs/:id',
    summary: 'Remove a job with its history. While it has artifacts, say what becomes of them: keep them where they are, or delete them first',
    access: 'operator',
    params,
    query: z.object({ artifacts: z.enum(['keep', 'delete']).optional() }),
    /** `removing`: it is archived, and goes when its last artifact has gone */
    answer: { status: 200, json: z.object({ result: z.enum(['removed', 'removing']) }) },
  },
  run: {
    method: 'POST',
    path: '/jobs/:id/run',
    summary: 'Ask for a run now',
    access: 'operator',
    params,
    /** `folded`: a run that waits already stands for this request too; `rejected`: the job is running, and its overlap policy allows no other */
    answer: { status: 202, json: z.object({ run_id: runIdSchema, result: z.enum(['queued', 'folded', 'rejected']) }) },
  },
  archive: {
    method: 'POST',
    path: '/jobs/:id/archive',
    summary: 'Stop the schedule of a job and put it aside; its artifacts stay, or are deleted but for those that are pinned',
    access: 'operator',
    params,
    query: z.object({ delete_artifacts: z.enum(['true', 'false']).default('false') }),
    answer: { status: 200, json: jobSchema },
  },
  unarchive: {
    method: 'POST',
    path: '/jobs/:id/unarchive',
    summary: 'Take a job up again; times missed meanwhile are not made up for',
    access: 'operator',
    params,
    answer: { status: 200, json: jobSchema },
  },
  clone: {
    method: 'POST',
    path: '/jobs/:id/clone',
    summary: 'Make another job like this one, without its schedule',
    access: 'operator',
    params,
    body: z.strictObject({ name: jobFields.name.optional() }),
    answer: { status: 201, json: jobSchema },
  },
  runs: {
    method: 'GET',
    path: '/jobs/:id/runs',
    summary: 'Runs of one job, the newest first',
    access: 'viewer',
    params,
    query: z.object({ status: runStatusSchema.optional(), ...pageQuery }),
    answer: { status: 200, json: pageOf(runSchema) },
  },
})
