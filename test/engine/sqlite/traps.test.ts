import { copyFileSync, existsSync, mkdirSync, rmSync } from 'node:fs'
import path from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { describe, expect, test } from 'vitest'
import { sqliteSourceSchema } from '../../../src/core/source.ts'
import { normalUser } from '../../support/as-user.ts'
import { btrfs, loopFilesystem, whyNoLoop } from '../../support/loop-filesystem.ts'
import { servicesFor } from '../../support/snapshot-case.ts'
import { startSqliteApplication } from '../../support/sqlite-application.ts'
import { applicationFolder, backUpAndRestore, lookInto } from '../../support/sqlite-case.ts'
import { temporaryFolder } from '../../support/temporary-folder.ts'

function rowsIn(uri: string): number {
  const db = new DatabaseSync(uri, { readOnly: true })
  try {
    return Number(db.prepare('SELECT count(*) AS rows FROM rows').get()!['rows'])
  } finally {
    db.close()
  }
}

describe('why a database is not simply read where it is: with 1000 rows in its log', () => {
  test('a copy of the file alone loses them, and says nothing', async () => {
    await using folder = await applicationFolder()
    await using application = await startSqliteApplication()
    const file = path.join(folder.path, 'app.db')
    const db = await application.open(file, 'wal')
    await db.exec('PRAGMA wal_checkpoint(TRUNCATE); PRAGMA wal_autocheckpoint = 0')
    await db.insert(1000)
    const copy = path.join(folder.path, 'copy.db')
    copyFileSync(file, copy)
    expect(lookInto(copy)).toEqual({ rows: 0, problems: [] })
  })

  test('`immutable` loses them too', async () => {
    await using folder = await applicationFolder()
    await using application = await startSqliteApplication()
    const file = path.join(folder.path, 'app.db')
    const db = await application.open(file, 'wal')
    await db.exec('PRAGMA wal_checkpoint(TRUNCATE); PRAGMA wal_autocheckpoint = 0')
    await db.insert(1000)
    await application.crash()
    expect(rowsIn(`file:${file}?immutable=1`)).toBe(0)
    expect(rowsIn(`file:${file}?mode=ro`)).toBe(1000)
  })

  test('opened read-only where it was closed, SQLite makes a log beside it; a capture does not', async () => {
    await using folder = await applicationFolder()
    const file = path.join(folder.path, 'app.db')
    await using application = await startSqliteApplication(normalUser)
    const db = await application.open(file, 'wal')
    await db.insert(1000)
    await db.close()
    await using restored = await backUpAndRestore(folder.path)
    expect(lookInto(path.join(restored.restored, 'app.db')).rows).toBe(1000)
    expect(existsSync(`${file}-wal`)).toBe(false)
    rowsIn(`file:${file}?mode=ro`)
    expect(existsSync(`${file}-wal`)).toBe(true)
  })
})

test('a process that reads the file of a database in another way loses its locks on it, so captures have a process of their own', async () => {
  await using folder = await applicationFolder()
  const file = path.join(folder.path, 'app.db')
  await using reader = await startSqliteApplication()
  await using writer = await startSqliteApplication()
  const reading = await reader.open(file, 'delete')
  await reading.insert(10)
  const writing = await writer.open(file, 'delete')
  await writing.exec('PRAGMA busy_timeout = 50')
  await reading.exec('BEGIN; SELECT * FROM rows LIMIT 1')
  expect(await reading.query('SELECT count(*) AS rows FROM rows')).toEqual([{ rows: 10 }])
  await expect(writing.insert(1)).rejects.toThrow('database is locked')
  await reader.readFile(file)
  await writing.insert(1)
})

const why = await whyNoLoop('btrfs')
describe.skipIf(why !== undefined)(`a database on a Btrfs snapshot${why === undefined ? '' : `: ${why}`}`, () => {
  test('is read with its log though its index is missing and nothing can be made beside it', async () => {
    await using disk = await loopFilesystem('btrfs')
    await using data = await temporaryFolder()
    const volume = path.join(disk.path, 'volume')
    await btrfs('subvolume', 'create', volume)
    const file = path.join(volume, 'app.db')
    {
      await using application = await startSqliteApplication()
      const db = await application.open(file, 'wal')
      await db.exec('PRAGMA wal_autocheckpoint = 0')
      await db.insert(1000)
      await application.crash()
    }
    rmSync(`${file}-shm`)
    const snapshot = path.join(disk.path, 'snapshot')
    await btrfs('subvolume', 'snapshot', '-r', volume, snapshot)
    expect(() => rowsIn(`file:${path.join(snapshot, 'app.db')}?mode=ro`)).toThrow('unable to open database file')
    const source = sqliteSourceSchema.parse({ type: 'sqlite', path: file, snapshot_mode: 'required' })
    await using restored = await backUpAndRestore(file, { source, snapshots: servicesFor(data.path), dataDirectory: data.path })
    expect(lookInto(restored.restored)).toEqual({ rows: 1000, problems: [] })
    expect(restored.run.outcome.summary.sqlite).toMatchObject({ snapshot: { status: 'ready', provider: 'btrfs' }, sqlite: { copied_total: 1 } })
    expect(restored.run.outcome.summary.grade).toBe('application')
  })

  test('stays beside its journals in a tree: there they are of one moment', async () => {
    await using disk = await loopFilesystem('btrfs')
    await using data = await temporaryFolder()
    const volume = path.join(disk.path, 'volume')
    await btrfs('subvolume', 'create', volume)
    mkdirSync(path.join(volume, 'app'))
    await using application = await startSqliteApplication()
    const db = await application.open(path.join(volume, 'app/app.db'), 'wal')
    await db.insertEvery(1)
    while ((await db.lastRow()) < 100);
    const committed = await db.lastRow()
    await using restored = await backUpAndRestore(volume, {
      spec: { snapshot_mode: 'required' },
      snapshots: servicesFor(data.path),
      dataDirectory: data.path,
    })
    const { rows, problems } = lookInto(path.join(restored.restored, 'app/app.db'))
    expect(problems).toEqual([])
    expect(rows).toBeGreaterThanOrEqual(committed)
    expect(restored.run.outcome.summary.grade).toBe('atomic_volume')
  })
})
