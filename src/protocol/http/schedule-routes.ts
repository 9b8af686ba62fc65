import { z } from 'zod'
import { cronSchema, timeZoneSchema } from '../../core/schedule.ts'
import { timestampSchema } from '../../core/timestamp.ts'
import { describeRoutes } from './route.ts'

export const scheduleRoutes = describeRoutes({
  preview: {
    method: 'POST',
    path: '/schedule/preview',
    summary: 'The next times a schedule is due',
    access: 'viewer',
    body: z.strictObject({
      schedule: cronSchema,
      schedule_timezone: timeZoneSchema.default('UTC'),
      count: z.int().min(1).max(100).default(10),
      /** absent: now */
      after: timestampSchema.optional(),
    }),
    /** fewer than asked for when the schedule ends, none when it is never due */
    answer: { status: 200, json: z.object({ fire_times: z.array(timestampSchema) }) },
  },
})
