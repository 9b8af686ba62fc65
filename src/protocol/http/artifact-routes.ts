import { z } from 'zod'
import { artifactStatusSchema } from '../../core/artifact-record.ts'
import { keptDeleteEventSchema } from '../../core/delete-event.ts'
import { deleteTaskSchema } from '../../core/delete-task.ts'
import { jobIdSchema, runIdSchema } from '../../core/ids.ts'
import { timestampSchema } from '../../core/timestamp.ts'
import { listedArtifactSchema } from '../artifact-listing.ts'
import { jobTargetKinds } from '../job-spec.ts'
import { eventsQuery, listOf, pageOf, pageQuery } from './page.ts'
import { describeRoutes } from './route.ts'

const ofJob = { id: jobIdSchema }
const params = z.object({ ...ofJob, run_id: runIdSchema })
const yesOrNo = z.enum(['true', 'false'])

const filters = {
  /** absent: all that may still be there, which is what is present, deleting or in error */
  status: artifactStatusSchema.optional(),
  pinned: yesOrNo.optional(),
  /** those that a person wants to hear no more of, instead of the others */
  ignored: yesOrNo.default('false'),
  node_id: z.string().max(64).optional(),
  target_type: z.enum(jobTargetKinds).optional(),
  sort: z.enum(['ended_at', 'stored_bytes', 'source_bytes']).default('ended_at'),
  order: z.enum(['asc', 'desc']).default('desc'),
  ...pageQuery,
}

/** `force`: what is pinned, the newest good one, and what another Hub has stored; for administrators. */
const force = yesOrNo.default('false')

const requestedDeleteSchema = z.object({
  run_id: runIdSchema,
  /** `queued` it will be deleted; `already` that was asked for before, or it is gone; the others are not touched */
  result: z.enum(['queued', 'already', 'pinned', 'newest_good', 'unwanted', 'not_found']),
})

export const artifactRoutes = describeRoutes({
  list: {
    method: 'GET',
    path: '/artifacts',
    summary: 'Artifacts of all jobs',
    access: 'viewer',
    query: z.object({ job_id: jobIdSchema.optional(), ...filters }),
    answer: { status: 200, json: pageOf(listedArtifactSchema) },
  },
  holds: {
    method: 'GET',
    path: '/artifacts/holds',
    summary: 'Targets on which too many artifacts were not there at once, so that a person has to say whether that is so',
    access: 'viewer',
    answer: { status: 200, json: listOf(z.object({ target_id: z.string(), artifacts: z.int().positive(), since: timestampSchema })) },
  },
  confirmMissing: {
    method: 'POST',
    path: '/artifacts/holds/:target_id/confirm',
    summary: 'Say that what was not there on a target may be gone indeed',
    access: 'operator',
    params: z.object({ target_id: z.string().min(1).max(128) }),
    answer: { status: 200, json: z.object({ confirmed: z.int().nonnegative() }) },
  },
  ofJob: {
    method: 'GET',
    path: '/jobs/:id/snapshots',
    summary: 'Artifacts of one job',
    access: 'viewer',
    params: z.object(ofJob),
    query: z.object(filters),
    answer: { status: 200, json: pageOf(listedArtifactSchema) },
  },
  get: {
    method: 'GET',
    path: '/jobs/:id/snapshots/:run_id',
    summary: 'One artifact',
    access: 'viewer',
    params,
    answer: { status: 200, json: listedArtifactSchema },
  },
  pin: {
    method: 'POST',
    path: '/jobs/:id/snapshots/:run_id/pin',
    summary: 'Keep an artifact, whatever retention says',
    access: 'operator',
    params,
    answer: { status: 200, json: listedArtifactSchema },
  },
  unpin: {
    method: 'POST',
    path: '/jobs/:id/snapshots/:run_id/unpin',
    summary: 'Let retention decide over an artifact again',
    access: 'operator',
    params,
    answer: { status: 200, json: listedArtifactSchema },
  },
  delete: {
    method: 'POST',
    path: '/jobs/:id/snapshots/:run_id/delete',
    summary: 'Ask for an artifact to be deleted; it is done as soon as its target can be reached',
    access: 'operator',
    params,
    query: z.object({ force }),
    answer: { status: 202, json: deleteTaskSchema },
  },
  deleteMany: {
    method: 'POST',
    path: '/jobs/:id/snapshots/delete',
    summary: 'Ask for many artifacts of a job to be deleted; each is answered for itself',
    access: 'operator',
    params: z.object(ofJob),
    body: z.strictObject({ run_ids: z.array(runIdSchema).min(1).max(1000), force: z.boolean().default(false) }),
    answer: { status: 202, json: listOf(requestedDeleteSchema) },
  },
  deleteTask: {
    method: 'GET',
    path: '/jobs/:id/snapshots/:run_id/delete-task',
    summary: 'How the delete of an artifact stands',
    access: 'viewer',
    params,
    answer: { status: 200, json: deleteTaskSchema },
  },
  deleteEvents: {
    method: 'GET',
    path: '/jobs/:id/snapshots/:run_id/delete-events',
    summary: 'What happened to the delete of an artifact, in order, after a sequence number',
    access: 'viewer',
    params,
    query: eventsQuery,
    answer: { status: 200, json: listOf(keptDeleteEventSchema) },
  },
  retryNow: {
    method: 'POST',
    path: '/jobs/:id/snapshots/:run_id/delete/retry-now',
    summary: 'Try a delete again at once, as if it were new',
    access: 'operator',
    params,
    answer: { status: 202, json: deleteTaskSchema },
  },
  ignore: {
    method: 'POST',
    path: '/jobs/:id/snapshots/:run_id/delete/ignore',
    summary: 'Hear no more of a delete that fails; what is on the target stays there',
    access: 'operator',
    params,
    answer: { status: 200, json: deleteTaskSchema },
  },
  unignore: {
    method: 'POST',
    path: '/jobs/:id/snapshots/:run_id/delete/unignore',
    summary: 'Take up a delete again that was ignored',
    access: 'operator',
    params,
    answer: { status: 202, json: deleteTaskSchema },
  },
})
