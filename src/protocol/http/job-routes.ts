import { z } from 'zod'
import { jobIdSchema, runIdSchema } from '../../core/ids.ts'
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
    summary: 'Remove a job that never ran; one with runs is archived instead',
    access: 'operator',
    params,
    answer: { status: 204 },
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
    summary: 'Stop the schedule of a job and put it aside',
    access: 'operator',
    params,
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
