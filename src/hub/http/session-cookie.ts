import { sessionCookieName } from '../../protocol/http/names.ts'
import { sessionLengthMs } from '../auth/sessions.ts'

/** The token in a `Cookie` header (RFC 6265). Tokens are base64url: nothing in them is quoted or encoded. */
export function readSessionCookie(header: string | undefined): string | null {
  for (const pair of (header ?? '').split(';')) {
    const [name, value] = pair.trim().split('=', 2)
    if (name === sessionCookieName && value !== undefined && value !== '') return value
  }
  return null
}

/** The `Set-Cookie` header. No script can read it, and no other site's form or script can send it; a link to the Hub does. */
export function sessionCookie(token: string | null, isSecure: boolean): string {
  const attributes = ['Path=/', 'HttpOnly', 'SameSite=Lax', `Max-Age=${token === null ? 0 : sessionLengthMs / 1000}`, ...(isSecure ? ['Secure'] : [])]
  return [`${sessionCookieName}=${token ?? ''}`, ...attributes].join('; ')
}
