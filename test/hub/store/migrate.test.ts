import { readdirSync, statSync } from 'node:fs'
import path from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { Kysely, sql } from 'kysely'
import { expect, test } from 'vitest'
import { migrate, migrations } from '../../../src/hub/store/migrate.ts'
import type { Migration } from '../../../src/hub/store/migrations/migration.ts'
import { createSqliteDialect } from '../../../src/hub/store/sqlite-dialect.ts'
import { startSqliteThread } from '../../../src/hub/store/sqlite-thread.ts'
import { openStore } from '../../../src/hub/store/store.ts'
import type { Tables } from '../../../src/hub/store/tables.ts'
import { createFakeClock } from '../../support/fake-clock.ts'
import { someTime } from '../../support/hub-records.ts'
import { temporaryFolder } from '../../support/temporary-folder.ts'

const clock = createFakeClock(someTime)

async function step(file: string, steps: readonly Migration[]): Promise<void> {
  await using thread = startSqliteThread({ file, pragmas: [] })
  const db = new Kysely<Tables>({ dialect: createSqliteDialect(thread) })
  await migrate(db, { file, clock, steps })
}

async function look<Row>(file: string, query: string): Promise<Row[]> {
  await using thread = startSqliteThread({ file, pragmas: [] })
  const db = new Kysely<Tables>({ dialect: createSqliteDialect(thread) })
  return (await sql.raw<Row>(query).execute(db)).rows
}

const first: Migration = { version: 1, name: 'first', statements: ['create table notes (text text)', "insert into notes values ('kept')"] }
const second: Migration = {
  version: 2,
  name: 'second',
  statements: ['alter table notes add column size integer', 'update notes set size = length(text)'],
}

test('migrations are numbered without a gap', () => {
  expect(migrations.map(({ version }) => version)).toEqual(migrations.map((_, at) => at + 1))
})

test('each step is done once, and what was there before is kept beside it', async () => {
  await using folder = await temporaryFolder()
  const file = path.join(folder.path, 'bastion.db')
  await step(file, [first])
  await step(file, [first])
  await step(file, [first, second])
  await step(file, [first, second])
  expect(await look(file, 'select * from notes')).toEqual([{ text: 'kept', size: 4 }])
  expect(readdirSync(folder.path).filter((name) => name.includes('before'))).toEqual(['bastion.db.before-0002'])
  const copy = path.join(folder.path, 'bastion.db.before-0002')
  expect(statSync(copy).mode & 0o777).toBe(0o600)
  expect(await look(copy, 'select * from notes')).toEqual([{ text: 'kept' }])
})

test('a step that fails leaves nothing of itself', async () => {
  await using folder = await temporaryFolder()
  const file = path.join(folder.path, 'bastion.db')
  await step(file, [first])
  const broken: Migration = { ...second, statements: [...second.statements, 'insert into nowhere values (1)'] }
  await expect(step(file, [first, broken])).rejects.toThrow('nowhere')
  expect(await look(file, 'select * from notes')).toEqual([{ text: 'kept' }])
  await step(file, [first, second])
  expect(await look(file, 'select * from notes')).toEqual([{ text: 'kept', size: 4 }])
})

test('a database of a newer Bastion is left alone', async () => {
  await using folder = await temporaryFolder()
  const file = path.join(folder.path, 'bastion.db')
  await (await openStore({ file, clock }))[Symbol.asyncDispose]()
  const database = new DatabaseSync(file)
  database.exec(`insert into schema_migrations values (${migrations.length + 1}, 'of tomorrow', 0)`)
  database.close()
  await expect(openStore({ file, clock })).rejects.toMatchObject({ code: 'unsupported' })
})

test('the database is for its owner alone', async () => {
  await using folder = await temporaryFolder()
  const file = path.join(folder.path, 'bastion.db')
  await using _store = await openStore({ file, clock })
  for (const name of readdirSync(folder.path)) expect([name, statSync(path.join(folder.path, name)).mode & 0o077]).toEqual([name, 0])
})

test('artifacts of a database of version 1 get their sizes as columns', async () => {
  await using folder = await temporaryFolder()
  const file = path.join(folder.path, 'bastion.db')
  await step(file, migrations.slice(0, 1))
  const database = new DatabaseSync(file)
  database.exec(`
    insert into jobs (id, name, node_id, spec, created_at, updated_at) values ('job', 'srv', 'hub', '{}', 0, 0);
    insert into runs (id, job_id, node_id, state, attempt, created_at) values ('run', 'job', 'hub', 'finished', 1, 0);
    insert into run_artifacts values ('run', 'job', 'hub', 'present', 'local_dir', '{}', 't', 'h', 'archive_v1', '[]', 'stable', 0,
      '{"files":3,"source_bytes":1000,"stored_bytes":400}', 0, 0);
  `)
  database.close()
  await step(file, migrations.slice(0, 2))
  const columns = 'files, source_bytes, stored_bytes, status, pinned_at, deleted_at, ignored_at'
  expect(await look(file, `select ${columns} from run_artifacts`)).toEqual([
    { files: 3, source_bytes: 1000, stored_bytes: 400, status: 'present', pinned_at: null, deleted_at: null, ignored_at: null },
  ])
})
