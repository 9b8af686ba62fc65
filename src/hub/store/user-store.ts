import { z } from 'zod'
import { roles } from '../../core/role.ts'
import { timestampSchema } from '../../core/timestamp.ts'
import type { Databases } from './databases.ts'

const userRecordSchema = z.object({
  id: z.string(),
  name: z.string(),
  role: z.enum(roles),
  /** argon2id, as a PHC string */
  password_hash: z.string(),
  created_at: timestampSchema,
  updated_at: timestampSchema,
  /** cannot log in since then */
  disabled_at: timestampSchema.nullable(),
})
export type UserRecord = z.infer<typeof userRecordSchema>

export interface UserStore {
  /** `false`: the name is taken. */
  insert(user: UserRecord): Promise<boolean>
  get(id: string): Promise<UserRecord | null>
  /** Upper and lower case are one. */
  byName(name: string): Promise<UserRecord | null>
  any(): Promise<boolean>
  list(): Promise<UserRecord[]>
  update(id: string, change: Partial<Pick<UserRecord, 'role' | 'password_hash' | 'disabled_at'>> & Pick<UserRecord, 'updated_at'>): Promise<boolean>
}

export function createUserStore({ read, write }: Databases): UserStore {
  const parsed = (row: unknown) => (row === undefined ? null : userRecordSchema.parse(row))
  return {
    async insert(user) {
      const { numInsertedOrUpdatedRows } = await write
        .insertInto('users')
        .values(user)
        .onConflict((conflict) => conflict.column('name').doNothing())
        .executeTakeFirst()
      return (numInsertedOrUpdatedRows ?? 0n) > 0n
    },
    async get(id) {
      return parsed(await read.selectFrom('users').selectAll().where('id', '=', id).executeTakeFirst())
    },
    async byName(name) {
      return parsed(await read.selectFrom('users').selectAll().where('name', '=', name).executeTakeFirst())
    },
    async any() {
      return (await read.selectFrom('users').select('id').limit(1).executeTakeFirst()) !== undefined
    },
    async list() {
      const rows = await read.selectFrom('users').selectAll().orderBy('id').limit(1000).execute()
      return rows.map((row) => userRecordSchema.parse(row))
    },
    async update(id, change) {
      const { numUpdatedRows } = await write.updateTable('users').set(change).where('id', '=', id).executeTakeFirst()
      return numUpdatedRows > 0n
    },
  }
}
