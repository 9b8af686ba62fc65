import { statSync } from 'node:fs'
import path from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { expect, test } from 'vitest'
import { toBytePath } from '../../../src/lib/byte-path.ts'
import { createCaptureProcess } from '../../../src/engine/sources/sqlite/capture-process.ts'
import { normalUser } from '../../support/as-user.ts'
import { scale } from '../../support/scale.ts'
import { startSqliteApplication } from '../../support/sqlite-application.ts'
import { applicationFolder } from '../../support/sqlite-case.ts'
import { temporaryFolder } from '../../support/temporary-folder.ts'

/** More than is copied in memory. */
const rows = 30_000

/** What is wrong with a copy: each transaction gave its own number to some rows of `left` and to the same of `right`, which are far apart in the file. */
function problemsOf(copy: string, committed: number): string[] {
  const db = new DatabaseSync(copy)
  try {
    const said = db
      .prepare('PRAGMA integrity_check')
      .all()
      .map((row) => String(row['integrity_check']))
    const { torn, last, highest } = db
      .prepare(
        `SELECT (SELECT count(*) FROM "left" JOIN "right" USING (id) WHERE "left".number <> "right".number) AS torn,
          (SELECT max(id) FROM rows) AS last, (SELECT max(number) FROM "left") AS highest`,
      )
      .get() as { torn: number; last: number; highest: number }
    return [
      ...said.filter((text) => text !== 'ok'),
      ...(torn > 0 ? [`${torn} rows of a transaction without the others`] : []),
      ...(last !== highest ? [`transaction ${highest} beside row ${last}`] : []),
      ...(last < committed ? [`${committed - last} transactions are missing`] : []),
    ]
  } finally {
    db.close()
  }
}

test.for([
  ['wal', 'whose log is emptied into it again and again', 'PRAGMA wal_autocheckpoint = 50', 'PRAGMA wal_checkpoint(TRUNCATE)'],
  ['wal', 'whose log grows', 'PRAGMA wal_autocheckpoint = 0', 'PRAGMA wal_checkpoint(PASSIVE)'],
  ['delete', 'that is written to too often to be copied in steps', 'SELECT 1', 'SELECT 1'],
] as const)('a large database (%s) %s is copied as it was after one of its transactions', async ([mode, , setting, between]) => {
  await using folder = await applicationFolder()
  await using work = await temporaryFolder()
  await using application = await startSqliteApplication(normalUser)
  await using reader = createCaptureProcess()
  const file = path.join(folder.path, 'app.db')
  const db = await application.open(file, mode)
  await db.exec(`PRAGMA synchronous = OFF; ${setting}`)
  for (const name of ['left', 'right'])
    await db.exec(`
      CREATE TABLE "${name}" (id INTEGER PRIMARY KEY, number INTEGER NOT NULL, text TEXT NOT NULL);
      INSERT INTO "${name}" WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ${rows}) SELECT i, 0, printf('%.400c', '.') FROM n`)
  await db.exec(`CREATE TRIGGER both AFTER INSERT ON rows BEGIN
    UPDATE "left" SET number = new.id WHERE id % 997 = new.id % 997;
    UPDATE "right" SET number = new.id WHERE id % 997 = new.id % 997;
  END`)
  await db.insertEvery(1)
  while ((await db.lastRow()) < 5);
  const { dev, ino, uid, gid } = statSync(file)
  for (let round = 0; round < scale(5, 50); round++) {
    const to = path.join(work.path, String(round))
    const committed = await db.lastRow()
    const order = { physical: toBytePath(file), dev, ino, uid, gid, frozen: false, to }
    expect(await reader.capture(order, () => {})).toMatchObject({ how: 'online' })
    expect(problemsOf(to, committed)).toEqual([])
    await db.exec(between)
  }
})
