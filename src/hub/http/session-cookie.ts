import type { FastifyReply } from 'fastify'
import { sessionCookieName } from '../../protocol/http/openapi.ts'
import { sessionLengthMs } from '../auth/sessions.ts'

/** No script can read it, and no other site's form or script can send it; a link to the Hub does. */
export function setSessionCookie(reply: FastifyReply, token: string | null, isSecure: boolean): void {
  const options = { path: '/', httpOnly: true, sameSite: 'lax', secure: isSecure } as const
  if (token === null) reply.clearCookie(sessionCookieName, options)
  else reply.setCookie(sessionCookieName, token, { ...options, maxAge: sessionLengthMs / 1000 })
}
