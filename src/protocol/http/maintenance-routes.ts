import { z } from 'zod'
import { artifactStatusSchema } from '../../core/artifact-record.ts'
import { jobIdSchema, runIdSchema } from '../../core/ids.ts'
import { keptDeleteEventSchema } from '../../core/delete-event.ts'
import { deleteTaskStatusSchema } from '../../core/delete-task.ts'
import { incompleteRunSchema } from '../incomplete-run.ts'
import { jobTargetSchema } from '../job-spec.ts'
import { eventsQuery, listOf, pageOf, pageQuery } from './page.ts'
import { describeRoutes } from './route.ts'

const count = z.int().nonnegative()
const artifact = { job_id: jobIdSchema, run_id: runIdSchema }
const ofRun = z.object({ run_id: runIdSchema })

/** What one page of a target has taught the Hub, and what is the matter with the rest of it. */
export const rebuiltPageSchema = z.object({
  target_id: z.string(),
  /** not known before: jobs are kept archived, as far as the target tells of them */
  learned: z.object({ jobs: count, runs: count, artifacts: count }),
  /** the Hub knew them, and they are as it knows them */
  known: count,
  /** complete by their marker, and broken behind it; those the Hub knew are `error` from now on */
  damaged: z.array(z.object({ ...artifact, why: z.string() })),
  /** artifacts of this target that the Hub takes for present, and that are not there. It says so and changes nothing: a check of each decides */
  missing: z.array(z.object(artifact)),
  /** what is nobody's: neither a job's nor a run's */
  foreign: z.array(z.object({ path: z.string(), why: z.string() })),
  /** directories of runs that never became artifacts */
  incomplete: count,
  /** given back as `after` for the next page; null when this was the last */
  next: z.string().nullable(),
})
export type RebuiltPage = z.infer<typeof rebuiltPageSchema>

export const maintenanceRoutes = describeRoutes({
  rebuildIndex: {
    method: 'POST',
    path: '/maintenance/index-rebuild',
    summary: 'Learn jobs, runs and artifacts from what a target holds, a page at a time; what the Hub knows already stays as it is',
    access: 'admin',
    body: z.strictObject({
      /** the node that can reach it */
      node_id: z.string().min(1).max(64).default('hub'),
      target: jobTargetSchema,
      /** as an earlier page has told it: with another target at its place nothing is learned */
      target_id: z.string().max(128).optional(),
      after: z.string().max(200).optional(),
      limit: z.int().min(1).max(1000).default(500),
      /** age identities beside those of the Hub, to read what encrypted artifacts say of their job; they are not kept */
      identities: z.array(z.string().max(200)).max(20).default([]),
    }),
    answer: { status: 200, json: rebuiltPageSchema },
  },
  checkArtifact: {
    method: 'POST',
    path: '/jobs/:id/snapshots/:run_id/check',
    summary: 'Look whether an artifact is on its target: marker, manifest, objects and their sizes; the Hub keeps what was found',
    access: 'operator',
    params: z.object({ id: jobIdSchema, run_id: runIdSchema }),
    answer: {
      status: 200,
      json: z.object({
        found: z.enum(['ok', 'damaged', 'not_there']),
        why: z.string().nullable(),
        /** what the Hub takes it for now */
        status: artifactStatusSchema,
      }),
    },
  },
  incomplete: {
    method: 'GET',
    path: '/maintenance/incomplete-cleanup',
    summary: 'What runs have left on targets that never became artifacts, and how its removal stands; targets are looked through once a day',
    access: 'viewer',
    query: z.object({
      /** absent: those that are neither done nor ignored */
      status: deleteTaskStatusSchema.optional(),
      ...pageQuery,
    }),
    answer: { status: 200, json: pageOf(incompleteRunSchema) },
  },
  incompleteEvents: {
    method: 'GET',
    path: '/maintenance/incomplete-cleanup/:run_id/events',
    summary: 'What happened to the removal of what a run has left, in order, after a sequence number',
    access: 'viewer',
    params: ofRun,
    query: eventsQuery,
    answer: { status: 200, json: listOf(keptDeleteEventSchema) },
  },
  retryCleanup: {
    method: 'POST',
    path: '/maintenance/incomplete-cleanup/:run_id/retry-now',
    summary: 'Try a removal again at once, as if it were new',
    access: 'operator',
    params: ofRun,
    answer: { status: 202, json: incompleteRunSchema },
  },
  ignoreCleanup: {
    method: 'POST',
    path: '/maintenance/incomplete-cleanup/:run_id/ignore',
    summary: 'Hear no more of a removal; what is on the target stays there',
    access: 'operator',
    params: ofRun,
    answer: { status: 200, json: incompleteRunSchema },
  },
  unignoreCleanup: {
    method: 'POST',
    path: '/maintenance/incomplete-cleanup/:run_id/unignore',
    summary: 'Take up a removal again that was ignored',
    access: 'operator',
    params: ofRun,
    answer: { status: 202, json: incompleteRunSchema },
  },
})
