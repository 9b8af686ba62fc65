import { timingSafeEqual } from 'node:crypto'
import { BastionError } from '../../../core/errors.ts'
import type { SignedIn } from '../../../protocol/http/account-schema.ts'
import type { authRoutes, setupRoutes } from '../../../protocol/http/account-routes.ts'
import type { UserRecord } from '../../store/user-store.ts'
import type { CallContext, Handlers } from '../handlers.ts'
import type { HttpServices } from '../http-services.ts'

type AccountServices = Pick<HttpServices, 'accounts' | 'sessions' | 'store'>

/** @param setupToken what whoever makes the first administrator must know; null where only this machine can reach the Hub */
export function setupHandlers(services: AccountServices, setupToken: string | null): Handlers<typeof setupRoutes> {
  return {
    status: async () => ({ initialized: await services.accounts.isSetUp(), setup_token_required: setupToken !== null }),
    async initialize({ body: { username, password, setup_token = '' } }, context) {
      if (setupToken !== null && !isSame(setup_token, setupToken)) {
        throw new BastionError('not_allowed', 'the set-up token is missing or wrong', { hint: 'It was printed where the Hub was started.' })
      }
      return signIn(services, await services.accounts.setUp(username, password), context)
    },
  }
}

export function authHandlers(services: AccountServices): Handlers<typeof authRoutes> {
  const { accounts, sessions, store } = services
  return {
    async login({ body: { username, password } }, context) {
      const user = await accounts.signIn({ address: context.address, username }, password)
      // The browser gets another token, so that one it was given by somebody else before is worth nothing.
      if (context.signedIn !== null) await sessions.end(context.signedIn.session.id)
      return signIn(services, user, context)
    },
    async logout(_, { signedIn, setSession }) {
      await sessions.end(signedIn.session.id)
      setSession(null)
    },
    session: async (_, { signedIn }) => signedInAnswer(signedIn.user, signedIn.session.csrf_token),
    async sessions(_, { signedIn }) {
      const all = await store.sessions.listOf(signedIn.user.id)
      return { items: all.map((session) => ({ ...session, last_seen_at: session.seen_at, current: session.id === signedIn.session.id })) }
    },
    async revoke({ params: { id } }, { signedIn }) {
      const session = await store.sessions.get(id)
      if (session?.user_id !== signedIn.user.id) throw new BastionError('not_found', 'you have no such session')
      await sessions.end(id)
    },
    async changePassword({ body: { current_password, new_password } }, context) {
      const { user } = context.signedIn
      await accounts.confirm(user, context.address, current_password)
      await accounts.changePassword(user, new_password)
      await sessions.endOf(user.id)
      return signIn(services, user, context)
    },
  }
}

async function signIn({ sessions }: AccountServices, user: UserRecord, { address, userAgent, setSession }: CallContext): Promise<SignedIn> {
  const { token, session } = await sessions.start(user, { address, userAgent })
  setSession(token)
  return signedInAnswer(user, session.csrf_token)
}

function signedInAnswer({ id, name, role }: UserRecord, csrfToken: string): SignedIn {
  return { user: { id, username: name, role }, csrf_token: csrfToken }
}

function isSame(given: string, wanted: string): boolean {
  const [a, b] = [Buffer.from(given), Buffer.from(wanted)]
  return a.length === b.length && timingSafeEqual(a, b)
}
