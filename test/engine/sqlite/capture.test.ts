import { chmodSync, chownSync, existsSync, linkSync, readdirSync, rmSync, statSync, truncateSync, utimesSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { describe, expect, test } from 'vitest'
import type { Format } from '../../../src/core/artifact.ts'
import { sqliteSourceSchema } from '../../../src/core/source.ts'
import { isRoot, normalUser } from '../../support/as-user.ts'
import { entriesBelow, pastClockGranularity } from '../../support/engine.ts'
import { startSqliteApplication } from '../../support/sqlite-application.ts'
import { applicationFolder, backUpAndRestore, everythingOf, lookInto, namesAndOwnersOf } from '../../support/sqlite-case.ts'

const formats: Format[] = ['archive_v1', 'raw_tree_v1']

describe.each(formats)('a database in a tree that is read live, as %s', (format) => {
  test('that is written to all the time is restored whole, with every row committed before the backup began, and alone', async () => {
    await using folder = await applicationFolder()
    await using application = await startSqliteApplication(normalUser)
    const db = await application.open(path.join(folder.path, 'app.db'), 'wal')
    await db.insert(2000)
    await db.insertEvery(1)
    const committed = await db.lastRow()
    const before = namesAndOwnersOf(folder.path)
    await using restored = await backUpAndRestore(folder.path, { format })
    expect(namesAndOwnersOf(folder.path)).toEqual(before)
    expect(readdirSync(restored.restored)).toEqual(['app.db'])
    const { rows, problems } = lookInto(path.join(restored.restored, 'app.db'))
    expect(problems).toEqual([])
    expect(rows).toBeGreaterThanOrEqual(committed)
    const { outcome, events } = restored.run
    expect(outcome).toMatchObject({
      status: 'success',
      source: { sqlite: { captured_total: 1, online_total: 1, left_out_total: 2, refused_total: 0 } },
    })
    expect(events.filter(({ kind }) => kind === 'sqlite_captured')).toMatchObject([{ level: 'info', fields: { captured_total: 1 } }])
  })

  test('is graded as its application would read it, and keeps its owner, mode and time', async () => {
    await using folder = await applicationFolder()
    await using application = await startSqliteApplication(normalUser)
    const file = path.join(folder.path, 'app.db')
    const db = await application.open(file, 'wal')
    await db.insert(10)
    await db.close()
    const before = statSync(file, { bigint: true })
    await using restored = await backUpAndRestore(folder.path, { format })
    expect((await entriesBelow(restored.run, folder.path.slice(1))).get('/app.db')).toMatchObject({
      grade: 'application',
      uid: normalUser.uid,
      gid: normalUser.gid,
      mode: Number(before.mode),
      mtime_ns: String(before.mtimeNs),
    })
    expect(statSync(path.join(restored.restored, 'app.db'), { bigint: true }).mtimeNs).toBe(before.mtimeNs)
  })
})

interface State {
  state: string
  how: 'online' | 'copied'
  /** Makes `app.db` with 50 rows committed. */
  make(file: string): Promise<AsyncDisposable | void>
}

const states: State[] = [
  {
    state: 'its application has it open with a write-ahead log, and rests',
    how: 'online',
    async make(file) {
      const application = await startSqliteApplication(normalUser)
      await (await application.open(file, 'wal')).insert(50)
      return application
    },
  },
  {
    state: 'its owner cannot come to it from outside, as in a volume of a container',
    how: 'online',
    async make(file) {
      const application = await startSqliteApplication(normalUser)
      await (await application.open(file, 'wal')).insert(50)
      const above = path.join(file, '../..')
      if (isRoot) chownSync(above, 0, 0)
      chmodSync(above, 0o700)
      return application
    },
  },
  {
    state: 'its application has it open with a rollback journal, and rests',
    how: 'online',
    async make(file) {
      const application = await startSqliteApplication(normalUser)
      await (await application.open(file, 'persist')).insert(50)
      return application
    },
  },
  {
    state: 'its application is in the middle of a transaction',
    how: 'online',
    async make(file) {
      const application = await startSqliteApplication(normalUser)
      const db = await application.open(file, 'delete')
      await db.insert(50)
      await db.exec('BEGIN IMMEDIATE; DELETE FROM rows WHERE id > 25')
      return application
    },
  },
  {
    state: 'its application has closed it',
    how: 'copied',
    async make(file) {
      await using application = await startSqliteApplication(normalUser)
      const db = await application.open(file, 'wal')
      await db.insert(50)
      await db.close()
    },
  },
  {
    state: 'its application has crashed, and left a log and its index',
    how: 'online',
    async make(file) {
      await using application = await startSqliteApplication(normalUser)
      await (await application.open(file, 'wal')).insert(50)
      await application.crash()
    },
  },
  {
    state: 'its application has crashed, and left a log without its index',
    how: 'copied',
    async make(file) {
      await using application = await startSqliteApplication(normalUser)
      await (await application.open(file, 'wal')).insert(50)
      await application.crash()
      rmSync(`${file}-shm`)
    },
  },
  {
    state: 'its application has crashed in the middle of writing a transaction into it',
    how: 'copied',
    async make(file) {
      await using application = await startSqliteApplication(normalUser)
      const db = await application.open(file, 'delete')
      await db.insert(50)
      // More than its memory holds: pages of the transaction are in the file already.
      await db.exec("PRAGMA cache_size = 5; BEGIN IMMEDIATE; UPDATE rows SET text = printf('%.4000c', '!')")
      await application.crash()
      expect(existsSync(`${file}-journal`)).toBe(true)
    },
  },
  {
    state: 'its application has it locked for itself, and rests',
    how: 'copied',
    async make(file) {
      const application = await startSqliteApplication(normalUser)
      const db = await application.open(file, 'wal')
      await db.exec('PRAGMA locking_mode = EXCLUSIVE')
      await db.insert(50)
      return application
    },
  },
]

describe('nothing in the folder of an application is changed by a capture, and all its rows are in the copy', () => {
  test.each(states)('when $state', async ({ how, make }) => {
    await using folder = await applicationFolder()
    const file = path.join(folder.path, 'app.db')
    const application = await make(file)
    try {
      await pastClockGranularity()
      const before = everythingOf(folder.path)
      await using restored = await backUpAndRestore(folder.path)
      expect(everythingOf(folder.path)).toEqual(before)
      expect(restored.run.outcome.source.sqlite).toMatchObject({ captured_total: 1, [`${how}_total`]: 1, refused_total: 0 })
      expect(readdirSync(restored.restored)).toEqual(['app.db'])
      expect(lookInto(path.join(restored.restored, 'app.db'))).toEqual({ rows: 50, problems: [] })
    } finally {
      await application?.[Symbol.asyncDispose]()
    }
  })
})

describe('a file is taken as it is', () => {
  test('when capture is off: then journals are taken too', async () => {
    await using folder = await applicationFolder()
    await using application = await startSqliteApplication(normalUser)
    await (await application.open(path.join(folder.path, 'app.db'), 'wal')).insert(50)
    await pastClockGranularity()
    await using restored = await backUpAndRestore(folder.path, { spec: { sqlite_capture: 'off' } })
    expect(readdirSync(restored.restored)).toEqual(['app.db', 'app.db-shm', 'app.db-wal'])
    expect(restored.run.outcome.source.sqlite).toBeUndefined()
  })

  test('when it only looks like a database, and nobody is warned', async () => {
    await using folder = await applicationFolder()
    const file = path.join(folder.path, 'odd.db')
    await using application = await startSqliteApplication()
    const db = await application.open(file, 'delete')
    await db.insert(50)
    await db.close()
    truncateSync(file, 100)
    truncateSync(file, 8192)
    writeFileSync(`${file}-wal`, 'no log')
    await pastClockGranularity()
    await using restored = await backUpAndRestore(folder.path)
    expect(readdirSync(restored.restored)).toEqual(['odd.db', 'odd.db-wal'])
    expect(restored.run.outcome).toMatchObject({ status: 'success', source: { sqlite: { refused_total: 1, sample: [{ refused: 'damaged' }] } } })
  })

  test('when it has several names, each of which would have a journal of its own', async () => {
    await using folder = await applicationFolder()
    const file = path.join(folder.path, 'a.db')
    await using application = await startSqliteApplication()
    await (await application.open(file, 'delete')).close()
    linkSync(file, path.join(folder.path, 'b.db'))
    await pastClockGranularity()
    await using restored = await backUpAndRestore(folder.path)
    expect(restored.run.outcome).toMatchObject({ status: 'success', source: { sqlite: { captured_total: 0, refused_total: 2 } } })
    expect(statSync(path.join(restored.restored, 'a.db')).ino).toBe(statSync(path.join(restored.restored, 'b.db')).ino)
  })

  test('when it cannot be captured though it should: that is a warning', async () => {
    await using folder = await applicationFolder()
    await using application = await startSqliteApplication()
    const file = path.join(folder.path, 'app.db')
    const db = await application.open(file, 'delete')
    await db.exec(`ATTACH '${path.join(folder.path, 'other.db')}' AS other; CREATE TABLE other.rows (id INTEGER PRIMARY KEY, text TEXT)`)
    await db.insert(50)
    await db.exec(
      "PRAGMA main.cache_size = 5; PRAGMA other.cache_size = 5; BEGIN IMMEDIATE; UPDATE rows SET text = printf('%.4000c', '!'); INSERT INTO other.rows SELECT id, text FROM rows",
    )
    await application.crash()
    // As it is when the crash comes between the journals' being complete and their going.
    writeFileSync(`${file}-journal`, superJournal(path.join(folder.path, 'app.db-mj0123456789')), { flag: 'a' })
    await pastClockGranularity()
    await using restored = await backUpAndRestore(folder.path)
    expect(restored.run.outcome).toMatchObject({ status: 'warning', source: { sqlite: { refused_total: 1 } } })
    expect(restored.run.outcome.source.sqlite!.sample).toContainEqual(expect.objectContaining({ refused: 'several_databases' }))
    expect(readdirSync(restored.restored)).toContain('app.db-journal')
  })
})

test('one that is locked and was written to at every look is taken as a file with a warning, and as a source of its own not at all', async () => {
  await using folder = await applicationFolder()
  const file = path.join(folder.path, 'app.db')
  await using application = await startSqliteApplication(normalUser)
  const db = await application.open(file, 'delete')
  await db.insert(10)
  await db.exec('BEGIN EXCLUSIVE')
  // Later than any look: what is always new is never known to stand still.
  const soon = Date.now() / 1000 + 40
  utimesSync(file, soon, soon)
  await using restored = await backUpAndRestore(folder.path)
  expect(restored.run.outcome).toMatchObject({ status: 'warning', source: { sqlite: { refused_total: 1, sample: [{ refused: 'locked' }] } } })
  const source = sqliteSourceSchema.parse({ type: 'sqlite', path: file })
  await expect(backUpAndRestore(file, { source })).rejects.toMatchObject({ code: 'source_consistency' })
})

/** The record at the end of a journal (https://sqlite.org/fileformat2.html, 3). */
function superJournal(name: string): Buffer {
  const bytes = Buffer.from(name, 'latin1')
  const record = Buffer.alloc(4 + bytes.length + 16)
  bytes.copy(record, 4)
  record.writeUInt32BE(bytes.length, 4 + bytes.length)
  record.writeUInt32BE(
    bytes.reduce((sum, byte) => sum + byte, 0),
    8 + bytes.length,
  )
  Buffer.from('d9d505f920a163d7', 'hex').copy(record, 12 + bytes.length)
  return record
}
