import { z } from 'zod'
import { jobIdSchema } from '../../core/ids.ts'
import { operationIdSchema } from '../../core/operation.ts'
import { runSchema } from '../../core/run.ts'
import { timestampSchema } from '../../core/timestamp.ts'
import { describeRoutes } from './route.ts'

const count = z.int().nonnegative()

export const overviewSchema = z.object({
  /** `failing`: active jobs whose last run that ended has failed */
  jobs: z.object({ active: count, scheduled: count, archived: count, failing: count }),
  runs: z.object({ queued: count, running: count }),
  /** those that may still be there; `present_bytes`: what those that are present take */
  artifacts: z.object({ present: count, deleting: count, error: count, present_bytes: count }),
  /** deletes that wait for a person, and since when the oldest blocked one is wanted */
  deletes: z.object({ blocked: count, abandoned: count, oldest_blocked_at: timestampSchema.nullable() }),
  /** at most 20, the oldest first */
  running: z.array(runSchema),
  /** at most 20 */
  failing: z.array(z.object({ job_id: jobIdSchema, job_name: z.string(), run: runSchema })),
  /** active jobs a drill has proven restorable, those none has, and when the one longest ago was; `failing`: their last drill has failed, at most 20 */
  drills: z.object({
    proven: count,
    never: count,
    oldest_proven_at: timestampSchema.nullable(),
    failing: z.array(z.object({ job_id: jobIdSchema, job_name: z.string(), operation_id: operationIdSchema, ended_at: timestampSchema })),
  }),
  /** what the Hub's own node does next, at most 10 */
  upcoming: z.array(z.object({ id: jobIdSchema, name: z.string(), next_run_at: timestampSchema })),
})
export type Overview = z.infer<typeof overviewSchema>

/** Runs of one job that were asked for within one day. */
export const runDaySchema = z.object({
  job_id: jobIdSchema,
  /** 0: the first 24 hours after `since` */
  day: count,
  runs: count,
  failed: count,
  /** ended well, but for what deserves a look */
  warned: count,
  /** that ended with a backup, and what these took where they were stored, also where they are gone by now */
  stored: count,
  stored_bytes: count,
})
export type RunDay = z.infer<typeof runDaySchema>

export const overviewRoutes = describeRoutes({
  days: {
    method: 'GET',
    path: '/overview/days',
    summary: 'How the runs of each job ended, day by day; days on which a job had none are left out',
    access: 'viewer',
    /** `since`: where the first day begins, at most 31 days ago; what is earlier is taken for that */
    query: z.object({ since: z.coerce.number<number | string>().pipe(timestampSchema) }),
    answer: { status: 200, json: z.object({ since: timestampSchema, days: z.array(runDaySchema) }) },
  },
  get: {
    method: 'GET',
    path: '/overview',
    summary: 'What is running and what needs a person',
    access: 'viewer',
    answer: { status: 200, json: overviewSchema },
  },
})
