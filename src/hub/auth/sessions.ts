import { createHash, randomBytes } from 'node:crypto'
import type { Clock } from '../../core/clock.ts'
import type { Store } from '../store/store.ts'
import type { SessionRecord } from '../store/session-store.ts'
import type { UserRecord } from '../store/user-store.ts'

export interface SignedInUser {
  user: UserRecord
  session: SessionRecord
}

/** Who is signed in, and where. A browser has a token of 256 random bits; the store has its hash. */
export interface Sessions {
  start(user: UserRecord, from: { address: string; userAgent: string }): Promise<{ token: string; session: SessionRecord }>
  /** null when the token is none, has expired or belongs to somebody who may not sign in any more */
  find(token: string): Promise<SignedInUser | null>
  /** Whether a session that was found before still holds. */
  holds(sessionId: string): Promise<boolean>
  end(sessionId: string): Promise<void>
  /** Everywhere, of one user. */
  endOf(userId: string): Promise<void>
  /** Calls back when a session is ended; one that expires is not told of. */
  whenEnded(sessionId: string, callback: () => void): Disposable
}

const dayMs = 24 * 60 * 60_000
export const sessionLengthMs = 30 * dayMs
/** A session that is not used for so long ends. */
const idleMs = 7 * dayMs
const noteUseEveryMs = 60_000
const longestUserAgent = 300

export function createSessions({ store, clock }: { store: Pick<Store, 'sessions' | 'users'>; clock: Clock }): Sessions {
  const watchers = new Map<string, Set<() => void>>()

  function tellEnded(ids: readonly string[]): void {
    for (const id of ids) for (const callback of watchers.get(id) ?? []) callback()
  }

  async function current(id: string): Promise<SignedInUser | null> {
    const session = await store.sessions.get(id)
    if (session === null || session.expires_at <= clock.now()) return null
    const user = await store.users.get(session.user_id)
    return user === null || user.disabled_at !== null ? null : { user, session }
  }

  return {
    async start(user, { address, userAgent }) {
      const now = clock.now()
      await store.sessions.removeExpired(now)
      const token = randomBytes(32).toString('base64url')
      const session = {
        id: hashOf(token),
        user_id: user.id,
        csrf_token: randomBytes(32).toString('base64url'),
        created_at: now,
        seen_at: now,
        expires_at: now + idleMs,
        address,
        user_agent: userAgent.slice(0, longestUserAgent),
      }
      await store.sessions.insert(session)
      return { token, session }
    },
    async find(token) {
      const found = await current(hashOf(token))
      const now = clock.now()
      if (found !== null && found.session.seen_at < now - noteUseEveryMs) {
        const { id, created_at } = found.session
        await store.sessions.touch(id, { seen_at: now, expires_at: Math.min(created_at + sessionLengthMs, now + idleMs) })
      }
      return found
    },
    holds: async (sessionId) => (await current(sessionId)) !== null,
    async end(sessionId) {
      await store.sessions.remove(sessionId)
      tellEnded([sessionId])
    },
    async endOf(userId) {
      const ids = (await store.sessions.listOf(userId)).map(({ id }) => id)
      await store.sessions.removeOf(userId)
      tellEnded(ids)
    },
    whenEnded(sessionId, callback) {
      const callbacks = watchers.get(sessionId) ?? new Set()
      watchers.set(sessionId, callbacks.add(callback))
      return {
        [Symbol.dispose]() {
          callbacks.delete(callback)
          if (callbacks.size === 0) watchers.delete(sessionId)
        },
      }
    },
  }
}

function hashOf(token: string): string {
  return createHash('sha256').update(token).digest('hex')
}
