import type { z } from 'zod'
import type { Databases } from './databases.ts'
import { readJson, writeJson } from './json-column.ts'

/** Values by name, each with the schema of whoever keeps it. */
export interface SettingStore {
  get<Schema extends z.ZodType>(name: string, schema: Schema): Promise<z.infer<Schema> | null>
  put<Schema extends z.ZodType>(name: string, schema: Schema, value: z.infer<Schema>, now: number): Promise<void>
  /** Keeps `value` only when there is none. @returns what is kept */
  putIfAbsent<Schema extends z.ZodType>(name: string, schema: Schema, value: z.infer<Schema>, now: number): Promise<z.infer<Schema>>
  remove(name: string): Promise<void>
}

export function createSettingStore({ read, write }: Databases): SettingStore {
  return {
    async get(name, schema) {
      const row = await read.selectFrom('settings').select('value').where('name', '=', name).executeTakeFirst()
      return row === undefined ? null : readJson(schema, row.value)
    },
    async put(name, schema, value, now) {
      const row = { value: writeJson(schema, value), updated_at: now }
      await write
        .insertInto('settings')
        .values({ name, ...row })
        .onConflict((conflict) => conflict.column('name').doUpdateSet(row))
        .execute()
    },
    async putIfAbsent(name, schema, value, now) {
      const row = { name, value: writeJson(schema, value), updated_at: now }
      await write
        .insertInto('settings')
        .values(row)
        .onConflict((conflict) => conflict.column('name').doNothing())
        .execute()
      const kept = await write.selectFrom('settings').select('value').where('name', '=', name).executeTakeFirstOrThrow()
      return readJson(schema, kept.value)
    },
    async remove(name) {
      await write.deleteFrom('settings').where('name', '=', name).execute()
    },
  }
}
