import type { Selectable } from 'kysely'
import type { Databases } from './databases.ts'
import type { Tables } from './tables.ts'

/** An age key of the Hub: its recipient as it is, its identity sealed. */
export type AgeKeyRecord = Selectable<Tables['age_keys']>

export interface AgeKeyStore {
  /** Keeps `key` only when there is none of its name. @returns the one that is kept */
  insertIfAbsent(key: AgeKeyRecord): Promise<AgeKeyRecord>
  get(name: string): Promise<AgeKeyRecord | null>
  byRecipients(recipients: readonly string[]): Promise<AgeKeyRecord[]>
  list(): Promise<Omit<AgeKeyRecord, 'sealed'>[]>
  noteExported(name: string, now: number): Promise<void>
  /** All of them, by name, with what is sealed. */
  all(): Promise<AgeKeyRecord[]>
  /** Seals each identity anew. Called within a transaction: all or none. @returns how many */
  resealEach(reseal: (key: AgeKeyRecord) => Uint8Array): Promise<number>
}

export function createAgeKeyStore({ read, write }: Databases): AgeKeyStore {
  const all = () => read.selectFrom('age_keys').selectAll().orderBy('name').execute()
  return {
    async insertIfAbsent(key) {
      await write
        .insertInto('age_keys')
        .values(key)
        .onConflict((conflict) => conflict.column('name').doNothing())
        .execute()
      return write.selectFrom('age_keys').selectAll().where('name', '=', key.name).executeTakeFirstOrThrow()
    },
    async get(name) {
      return (await read.selectFrom('age_keys').selectAll().where('name', '=', name).executeTakeFirst()) ?? null
    },
    async byRecipients(recipients) {
      if (recipients.length === 0) return []
      return read.selectFrom('age_keys').selectAll().where('recipient', 'in', recipients).execute()
    },
    async list() {
      return read.selectFrom('age_keys').select(['name', 'recipient', 'created_at', 'exported_at']).orderBy('name').limit(1000).execute()
    },
    async noteExported(name, now) {
      await write.updateTable('age_keys').set({ exported_at: now }).where('name', '=', name).execute()
    },
    all,
    async resealEach(reseal) {
      const keys = await all()
      for (const key of keys)
        await write
          .updateTable('age_keys')
          .set({ sealed: reseal(key) })
          .where('name', '=', key.name)
          .execute()
      return keys.length
    },
  }
}
