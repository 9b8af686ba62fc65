import { closeSync, openSync, readdirSync, rmSync, symlinkSync, writeFileSync, writeSync } from 'node:fs'
import path from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { expect, test } from 'vitest'
import type { Progress } from '../../../src/core/run-event.ts'
import { sqliteSourceSchema } from '../../../src/core/source.ts'
import { normalUser } from '../../support/as-user.ts'
import { entriesBelow } from '../../support/engine.ts'
import { startSqliteApplication } from '../../support/sqlite-application.ts'
import { applicationFolder, backUpAndRestore, everythingOf, lookInto } from '../../support/sqlite-case.ts'

const sourceOf = (file: string, over: object = {}) => sqliteSourceSchema.parse({ type: 'sqlite', path: file, ...over })

test('one database is backed up by itself while its application writes, and what is in its log is there', async () => {
  await using folder = await applicationFolder()
  await using application = await startSqliteApplication(normalUser)
  const file = path.join(folder.path, 'app.db')
  const db = await application.open(file, 'wal')
  await db.insert(5000)
  await db.insertEvery(1)
  const committed = await db.lastRow()
  writeFileSync(path.join(folder.path, 'beside'), 'not asked for')
  await using restored = await backUpAndRestore(file, { source: sourceOf(file) })
  expect(readdirSync(path.dirname(restored.restored))).toEqual(['app.db'])
  const { rows, problems } = lookInto(restored.restored)
  expect(problems).toEqual([])
  expect(rows).toBeGreaterThanOrEqual(committed)
})

test('one named by a link to it is read with the log that stands beside the file itself', async () => {
  await using folder = await applicationFolder()
  await using application = await startSqliteApplication(normalUser)
  const file = path.join(folder.path, 'app.db')
  const link = path.join(folder.path, 'link')
  await (await application.open(file, 'wal')).insert(500)
  await application.crash()
  rmSync(`${file}-shm`)
  symlinkSync('app.db', link)
  const before = everythingOf(folder.path)
  await using restored = await backUpAndRestore(link, { source: sourceOf(link) })
  expect(everythingOf(folder.path)).toEqual(before)
  expect(lookInto(restored.restored)).toEqual({ rows: 500, problems: [] })
  expect([...(await entriesBelow(restored.run, '')).keys()]).toEqual([link.slice(1)])
})

test('a damaged one stores nothing, unless it is to be stored as it is', async () => {
  await using folder = await applicationFolder()
  const file = path.join(folder.path, 'app.db')
  {
    const db = new DatabaseSync(file)
    db.exec('CREATE TABLE rows (id INTEGER PRIMARY KEY, text TEXT); CREATE INDEX texts ON rows (text)')
    for (let i = 0; i < 200; i++) db.prepare('INSERT INTO rows (text) VALUES (?)').run(`row ${i}`)
    db.close()
    const fd = openSync(file, 'r+')
    writeSync(fd, Buffer.alloc(4096), 0, 4096, 2 * 4096) // the root of the index
    closeSync(fd)
  }
  await expect(backUpAndRestore(file, { source: sourceOf(file) })).rejects.toMatchObject({ code: 'source_suspicious' })
  await using stored = await backUpAndRestore(file, { source: sourceOf(file, { integrity_check: false }) })
  expect(stored.run.outcome.source.sqlite).toMatchObject({ captured_total: 1 })
})

test('what is no database, or is not there, is no source', async () => {
  await using folder = await applicationFolder()
  const file = path.join(folder.path, 'text')
  writeFileSync(file, 'text')
  await expect(backUpAndRestore(file, { source: sourceOf(file) })).rejects.toMatchObject({ code: 'invalid_spec' })
  await expect(backUpAndRestore(file, { source: sourceOf(`${file}.db`) })).rejects.toMatchObject({ code: 'source_not_found' })
})

test.for(['online', 'copied'])('how far a large one is copied is told, %s', async (how) => {
  await using folder = await applicationFolder()
  const file = path.join(folder.path, 'app.db')
  await using application = await startSqliteApplication(normalUser)
  const db = await application.open(file, 'wal')
  for (let i = 0; i < 5; i++) await db.exec('INSERT INTO rows (text) VALUES (zeroblob(4000000))')
  if (how === 'copied') await db.close()
  const told: Progress[] = []
  await using restored = await backUpAndRestore(file, { source: sourceOf(file), onProgress: (progress) => told.push(progress) })
  expect(restored.run.outcome.source.sqlite).toMatchObject({ [`${how}_total`]: 1 })
  const first = told.find(({ stage }) => stage === 'capturing')
  expect(first!.done.bytes).toBeGreaterThan(0)
  expect(first!.total!.bytes).toBeGreaterThan(20_000_000)
})
