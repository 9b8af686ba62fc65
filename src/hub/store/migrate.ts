import { chmodSync, renameSync, rmSync } from 'node:fs'
import { sql, type Kysely } from 'kysely'
import type { Clock } from '../../core/clock.ts'
import { BastionError } from '../../core/errors.ts'
import type { Migration } from './migrations/migration.ts'
import { migration0001 } from './migrations/migration-0001.ts'
import { migration0002 } from './migrations/migration-0002.ts'
import { migration0003 } from './migrations/migration-0003.ts'
import { migration0004 } from './migrations/migration-0004.ts'
import { migration0005 } from './migrations/migration-0005.ts'
import type { Tables } from './tables.ts'

/** Every migration, in order. */
export const migrations: readonly Migration[] = [migration0001, migration0002, migration0003, migration0004, migration0005]

export interface MigrateOptions {
  file: string
  clock: Clock
  /** all when absent */
  steps?: readonly Migration[]
  /** whether a Hub of this version may be using the database right now: then it is taken as it is, or not at all */
  isShared?: boolean
}

/**
 * Brings the database to the newest of `steps`. Before each step of a database that has something in it a copy is put beside it, as `<file>.before-0002`.
 * @throws BastionError unsupported when a newer Bastion has made it · conflict when it is shared and of an older one
 */
export async function migrate(db: Kysely<Tables>, options: MigrateOptions): Promise<void> {
  const steps = options.steps ?? migrations
  await sql`create table if not exists schema_migrations (version integer primary key, name text not null, applied_at integer not null) strict`.execute(
    db,
  )
  const { rows } = await sql<{ version: number }>`select max(version) as version from schema_migrations having count(*) > 0`.execute(db)
  const version = rows[0]?.version ?? 0
  if (version > steps.length) {
    throw new BastionError(
      'unsupported',
      `${options.file} was written by a newer Bastion (its database has version ${version}, this one knows ${steps.length})`,
    )
  }
  if (options.isShared === true && version < steps.length) {
    throw new BastionError('conflict', `the Hub that uses ${options.file} is older than this program`, { hint: 'Restart the Hub, or stop it first.' })
  }
  for (const step of steps.slice(version)) {
    if (step.version > 1) await keepCopy(db, `${options.file}.before-${String(step.version).padStart(4, '0')}`)
    await db.transaction().execute(async (tx) => {
      for (const statement of step.statements) await sql.raw(statement).execute(tx)
      await sql`insert into schema_migrations values (${step.version}, ${step.name}, ${options.clock.now()})`.execute(tx)
    })
  }
}

async function keepCopy(db: Kysely<Tables>, copy: string): Promise<void> {
  const unfinished = `${copy}.tmp`
  rmSync(unfinished, { force: true })
  await sql`vacuum into ${unfinished}`.execute(db)
  chmodSync(unfinished, 0o600)
  renameSync(unfinished, copy)
}
