import { z } from 'zod'
import { newPasswordSchema, passwordSchema, sessionSchema, signedInSchema, usernameSchema } from './account-schema.ts'
import { listOf } from './page.ts'
import { describeRoutes } from './route.ts'

export const setupRoutes = describeRoutes({
  status: {
    method: 'GET',
    path: '/setup/status',
    summary: 'Whether this Hub has its first administrator',
    access: 'public',
    answer: { status: 200, json: z.object({ initialized: z.boolean(), setup_token_required: z.boolean() }) },
  },
  initialize: {
    method: 'POST',
    path: '/setup/initialize',
    summary: 'Make the first administrator and sign in; once',
    access: 'public',
    body: z.strictObject({
      username: usernameSchema,
      password: newPasswordSchema,
      /** printed where the Hub was started; needed when it listens beyond its own machine */
      setup_token: z.string().max(200).optional(),
    }),
    answer: { status: 201, json: signedInSchema },
  },
})

export const authRoutes = describeRoutes({
  login: {
    method: 'POST',
    path: '/auth/login',
    summary: 'Sign in; the answer sets the session cookie',
    access: 'public',
    body: z.strictObject({ username: z.string().max(200), password: passwordSchema }),
    answer: { status: 200, json: signedInSchema },
  },
  logout: { method: 'POST', path: '/auth/logout', summary: 'End this session', access: 'viewer', answer: { status: 204 } },
  session: {
    method: 'GET',
    path: '/session',
    summary: 'Who is signed in',
    access: 'viewer',
    answer: { status: 200, json: signedInSchema },
  },
  sessions: {
    method: 'GET',
    path: '/auth/sessions',
    summary: 'Where this user is signed in',
    access: 'viewer',
    answer: { status: 200, json: listOf(sessionSchema) },
  },
  revoke: {
    method: 'DELETE',
    path: '/auth/sessions/:id',
    summary: 'End one session of this user',
    access: 'viewer',
    params: z.object({ id: z.string().max(64) }),
    answer: { status: 204 },
  },
  changePassword: {
    method: 'POST',
    path: '/auth/password',
    summary: 'Change the password of this user; every other session ends',
    access: 'viewer',
    body: z.strictObject({ current_password: passwordSchema, new_password: newPasswordSchema }),
    answer: { status: 200, json: signedInSchema },
  },
})
