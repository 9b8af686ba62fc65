import type { Selectable } from 'kysely'
import type { Databases } from './databases.ts'
import type { Tables } from './tables.ts'

/** Somebody's login. `id` is a hash of the token that the browser has. */
export type SessionRecord = Selectable<Tables['sessions']>

export interface SessionStore {
  insert(session: SessionRecord): Promise<void>
  get(id: string): Promise<SessionRecord | null>
  listOf(userId: string): Promise<SessionRecord[]>
  touch(id: string, change: Pick<SessionRecord, 'seen_at' | 'expires_at'>): Promise<void>
  /** @returns whether it was there */
  remove(id: string): Promise<boolean>
  /** All of a user's, or all but one. */
  removeOf(userId: string, exceptId?: string): Promise<void>
  removeExpired(now: number): Promise<void>
}

export function createSessionStore({ read, write }: Databases): SessionStore {
  return {
    async insert(session) {
      await write.insertInto('sessions').values(session).execute()
    },
    async get(id) {
      return (await read.selectFrom('sessions').selectAll().where('id', '=', id).executeTakeFirst()) ?? null
    },
    async listOf(userId) {
      return read.selectFrom('sessions').selectAll().where('user_id', '=', userId).orderBy('created_at', 'desc').limit(1000).execute()
    },
    async touch(id, change) {
      await write.updateTable('sessions').set(change).where('id', '=', id).execute()
    },
    async remove(id) {
      const { numDeletedRows } = await write.deleteFrom('sessions').where('id', '=', id).executeTakeFirst()
      return numDeletedRows > 0n
    },
    async removeOf(userId, exceptId) {
      await write
        .deleteFrom('sessions')
        .where('user_id', '=', userId)
        .$if(exceptId !== undefined, (query) => query.where('id', '!=', exceptId as string))
        .execute()
    },
    async removeExpired(now) {
      await write.deleteFrom('sessions').where('expires_at', '<=', now).execute()
    },
  }
}
