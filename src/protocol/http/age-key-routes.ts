import { z } from 'zod'
import { keyNameSchema } from '../../core/job.ts'
import { timestampSchema } from '../../core/timestamp.ts'
import { passwordSchema } from './account-schema.ts'
import { listOf } from './page.ts'
import { describeRoutes } from './route.ts'

export const ageKeySchema = z.object({
  name: keyNameSchema,
  /** `age1…`: anybody may know it */
  recipient: z.string(),
  created_at: timestampSchema,
  /** when its identity was last given out; null: nobody but this Hub can open what was encrypted to it */
  exported_at: timestampSchema.nullable(),
})

export const ageKeyRoutes = describeRoutes({
  list: {
    method: 'GET',
    path: '/age-keys',
    summary: 'The keys backups are encrypted to',
    access: 'viewer',
    answer: { status: 200, json: listOf(ageKeySchema) },
  },
  create: {
    method: 'POST',
    path: '/age-keys',
    summary: 'Make a key; a job that names one that is not there makes it too',
    access: 'admin',
    body: z.strictObject({ name: keyNameSchema }),
    answer: { status: 201, json: ageKeySchema },
  },
  export: {
    method: 'POST',
    path: '/age-keys/:name/export',
    summary: 'The identity of a key, to be kept apart from this Hub; asks for the password again',
    access: 'admin',
    params: z.object({ name: keyNameSchema }),
    body: z.strictObject({ password: passwordSchema }),
    answer: { status: 200, json: ageKeySchema.extend({ identity: z.string() }) },
  },
})
