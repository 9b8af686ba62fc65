import { timingSafeEqual } from 'node:crypto'
import type { FastifyRequest } from 'fastify'
import { BastionError } from '../../core/errors.ts'
import { atLeast } from '../../core/role.ts'
import { csrfHeaderName } from '../../protocol/http/names.ts'
import type { Access } from '../../protocol/http/route.ts'
import type { Sessions, SignedInUser } from '../auth/sessions.ts'
import { readSessionCookie } from './session-cookie.ts'
import type { Transport } from './transport.ts'

/** Who may come in. Asked before anything of a request is parsed. */
export interface Guard {
  /** @throws not_allowed when the request was meant for another host, or a page of another origin sent it */
  checkOrigin(request: FastifyRequest): void
  /** Who is signed in. @throws not_signed_in · not_allowed when the role does not reach, or the token against forged requests is missing */
  admit(request: FastifyRequest, access: Access): Promise<SignedInUser | null>
}

/** Calls that change nothing: a browser may send them from anywhere, for their answer stays unread there. */
const readingMethods = ['GET', 'HEAD']

export function createGuard({ transport, sessions }: { transport: Transport; sessions: Sessions }): Guard {
  return {
    checkOrigin(request) {
      const { host = '', origin, upgrade } = request.headers
      if (!transport.acceptsHost(host)) {
        throw new BastionError('not_allowed', `this Hub does not answer for the host ${host}`, {
          hint: 'Start it with --public-url to reach it by this name.',
        })
      }
      const matters = upgrade !== undefined || !readingMethods.includes(request.method)
      if (matters && origin !== undefined && !transport.acceptsOrigin(origin, host)) {
        throw new BastionError('not_allowed', `a page of ${origin} may not call this Hub`, {
          hint: 'Behind a proxy start the Hub with --public-url and the address browsers see.',
        })
      }
    },
    async admit(request, access) {
      const token = readSessionCookie(request.headers.cookie)
      const signedIn = token === null ? null : await sessions.find(token)
      if (access === 'public') return signedIn
      if (signedIn === null) throw new BastionError('not_signed_in', 'nobody is signed in')
      if (!readingMethods.includes(request.method)) checkToken(request, signedIn.session.csrf_token)
      if (!atLeast(signedIn.user.role, access))
        throw new BastionError('not_allowed', `this is for the role ${access}, and you are ${signedIn.user.role}`)
      return signedIn
    },
  }
}

function checkToken(request: FastifyRequest, expected: string): void {
  const given = Buffer.from(String(request.headers[csrfHeaderName] ?? ''))
  const wanted = Buffer.from(expected)
  if (given.length === wanted.length && timingSafeEqual(given, wanted)) return
  throw new BastionError('not_allowed', `the header ${csrfHeaderName} is missing or not the one of this session`, {
    hint: 'Send the csrf_token of GET /api/session with every call that changes something.',
  })
}
