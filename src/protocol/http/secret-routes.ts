import { z } from 'zod'
import { secretNameSchema } from '../../core/job.ts'
import { timestampSchema } from '../../core/timestamp.ts'
import { secretInputSchema, secretKindSchema } from '../secret-spec.ts'
import { listOf } from './page.ts'
import { describeRoutes } from './route.ts'

const node = { id: z.string().min(1).max(64) }
const params = z.object({ ...node, name: secretNameSchema })

/** What may be known of a secret: its values are never returned. */
export const secretSchema = z.object({
  name: secretNameSchema,
  kind: secretKindSchema,
  created_at: timestampSchema,
  updated_at: timestampSchema,
})
export type KeptSecret = z.infer<typeof secretSchema>

export const secretRoutes = describeRoutes({
  list: {
    method: 'GET',
    path: '/nodes/:id/secrets',
    summary: 'The secrets of a node, without their values',
    access: 'operator',
    params: z.object(node),
    answer: { status: 200, json: listOf(secretSchema) },
  },
  create: {
    method: 'POST',
    path: '/nodes/:id/secrets',
    summary: 'Keep credentials for a kind of target, sealed',
    access: 'admin',
    params: z.object(node),
    body: z.intersection(z.object({ name: secretNameSchema }), secretInputSchema),
    answer: { status: 201, json: secretSchema },
  },
  get: {
    method: 'GET',
    path: '/nodes/:id/secrets/:name',
    summary: 'One secret, without its values',
    access: 'operator',
    params,
    answer: { status: 200, json: secretSchema },
  },
  replace: {
    method: 'PUT',
    path: '/nodes/:id/secrets/:name',
    summary: 'Replace all values of a secret; runs that begin later use the new ones',
    access: 'admin',
    params,
    body: secretInputSchema,
    answer: { status: 200, json: secretSchema },
  },
  remove: {
    method: 'DELETE',
    path: '/nodes/:id/secrets/:name',
    summary: 'Forget a secret; refused while a job uses it',
    access: 'admin',
    params,
    answer: { status: 204 },
  },
})
