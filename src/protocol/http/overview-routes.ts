import { z } from 'zod'
import { runSchema } from '../../core/run.ts'
import { timestampSchema } from '../../core/timestamp.ts'
import { describeRoutes } from './route.ts'

const count = z.int().nonnegative()

export const overviewSchema = z.object({
  jobs: z.object({ active: count, scheduled: count, archived: count }),
  runs: z.object({ queued: count, running: count }),
  /** at most 20 */
  running: z.array(runSchema),
  /** active jobs whose last run that ended failed, or ended with a warning; at most 20, the latest first */
  attention: z.array(runSchema),
  next_run_at: timestampSchema.nullable(),
})

export const overviewRoutes = describeRoutes({
  get: {
    method: 'GET',
    path: '/overview',
    summary: 'What is running and what needs a person',
    access: 'viewer',
    answer: { status: 200, json: overviewSchema },
  },
})
