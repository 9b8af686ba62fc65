import { existsSync } from 'node:fs'
import { DatabaseSync } from 'node:sqlite'
import { migrations } from './migrate.ts'

/** A Hub's database looked at from outside, by who is no Hub. Nothing is written, and a Hub may use it meanwhile. */
export interface DatabaseLook extends Disposable {
  /** 0: nothing is in it yet */
  readonly version: number
  /** what this program would bring it to */
  readonly newestVersion: number
  /** The JSON that is kept under a name; null: none. */
  setting(name: string): unknown
  /** The age keys whose identity was never given out, by name. */
  keysNotKept(): string[]
  /** What SQLite finds when it reads all of it, by its own `quick_check`; empty when it is whole. */
  quickCheck(): string[]
}

/** @returns null when there is none @throws SqliteError when it cannot be read at all */
export function lookAtDatabase(file: string): DatabaseLook | null {
  if (!existsSync(file)) return null
  const database = new DatabaseSync(file, { readOnly: true, timeout: 10_000 })
  const one = (query: string, ...values: string[]) => database.prepare(query).get(...values) as Record<string, unknown> | undefined
  const has = (table: string) => one("select 1 as yes from sqlite_schema where type = 'table' and name = ?", table) !== undefined
  try {
    const version = has('schema_migrations') ? Number(one('select max(version) as version from schema_migrations')?.['version'] ?? 0) : 0
    return {
      version,
      newestVersion: migrations.length,
      setting(name) {
        const row = has('settings') ? one('select value from settings where name = ?', name) : undefined
        return row === undefined ? null : (JSON.parse(String(row['value'])) as unknown)
      },
      keysNotKept() {
        if (!has('age_keys')) return []
        const rows = database.prepare('select name from age_keys where exported_at is null order by name').all() as { name: string }[]
        return rows.map((row) => row.name)
      },
      quickCheck() {
        const rows = database.prepare('pragma quick_check(20)').all() as { quick_check: string }[]
        return rows.map((row) => row.quick_check).filter((line) => line !== 'ok')
      },
      [Symbol.dispose]: () => database.close(),
    }
  } catch (error) {
    database.close()
    throw error
  }
}
