import type { Selectable } from 'kysely'
import type { Databases } from './databases.ts'
import type { Tables } from './tables.ts'

/** Credentials of a node, sealed; only the vault opens them. `kind` is that of the target they are for. */
export type SecretRecord = Selectable<Tables['secrets']>
export type SecretHeader = Omit<SecretRecord, 'sealed'>

export interface SecretStore {
  /** Makes it, or replaces what it holds; `created_at` stays. */
  put(secret: SecretRecord): Promise<void>
  get(nodeId: string, name: string): Promise<SecretRecord | null>
  /** By name. A node has at most a thousand that are shown. */
  listOf(nodeId: string): Promise<SecretHeader[]>
  /** Seals each anew, whosoever it is. Called within a transaction: all or none. @returns how many */
  resealEach(reseal: (secret: SecretRecord) => Uint8Array): Promise<number>
  /** @returns whether it was there */
  remove(nodeId: string, name: string): Promise<boolean>
}

export function createSecretStore({ read, write }: Databases): SecretStore {
  return {
    async put(secret) {
      const { kind, sealed, updated_at } = secret
      await write
        .insertInto('secrets')
        .values(secret)
        .onConflict((conflict) => conflict.columns(['node_id', 'name']).doUpdateSet({ kind, sealed, updated_at }))
        .execute()
    },
    async get(nodeId, name) {
      return (await read.selectFrom('secrets').selectAll().where('node_id', '=', nodeId).where('name', '=', name).executeTakeFirst()) ?? null
    },
    async listOf(nodeId) {
      return read
        .selectFrom('secrets')
        .select(['node_id', 'name', 'kind', 'created_at', 'updated_at'])
        .where('node_id', '=', nodeId)
        .orderBy('name')
        .limit(1000)
        .execute()
    },
    async resealEach(reseal) {
      const all = await read.selectFrom('secrets').selectAll().execute()
      for (const secret of all) {
        const { node_id, name } = secret
        await write
          .updateTable('secrets')
          .set({ sealed: reseal(secret) })
          .where('node_id', '=', node_id)
          .where('name', '=', name)
          .execute()
      }
      return all.length
    },
    async remove(nodeId, name) {
      const { numDeletedRows } = await write.deleteFrom('secrets').where('node_id', '=', nodeId).where('name', '=', name).executeTakeFirst()
      return numDeletedRows > 0n
    },
  }
}
