import { closeSync, ftruncateSync, openSync, readSync, writeSync } from 'node:fs'
import path from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import type { OpenDatabase, SqliteApplication } from './sqlite-application.ts'

const mebibyte = 2 ** 20

/** Databases that nobody uses, of one to some hundred rows, every other one with a write-ahead log. */
export async function makeSmallDatabases(application: SqliteApplication, folder: string, count: number): Promise<void> {
  for (let i = 0; i < count; i++) {
    const db = await application.open(path.join(folder, `small-${String(i).padStart(3, '0')}.db`), i % 2 === 0 ? 'wal' : 'delete')
    await db.insert(1 + (i % 400))
    await db.close()
  }
}

/** A database with a write-ahead log and about so much in it, half of which can be compressed. */
export async function openLargeDatabase(application: SqliteApplication, file: string, mebibytes: number): Promise<OpenDatabase> {
  const db = await application.open(file, 'delete')
  await db.exec('PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; CREATE TABLE blobs (id INTEGER PRIMARY KEY, bytes BLOB)')
  for (let done = 0; done < mebibytes; done += 64) {
    const rows = Math.round((Math.min(64, mebibytes - done) * mebibyte) / 16_000)
    await db.exec(
      `INSERT INTO blobs (bytes) WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ${rows}) SELECT randomblob(8000) || zeroblob(8000) FROM n`,
    )
  }
  await db.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL')
  return db
}

/**
 * A database with a few rows and as many free pages as make it so large, such as one whose rows were deleted. It takes no room itself, as its free pages are a hole; SQLite
 * reads them all the same (https://sqlite.org/fileformat2.html, 1.5).
 */
export function makeHollowDatabase(file: string, sizeBytes: number): void {
  const pageBytes = 4096
  const db = new DatabaseSync(file)
  db.exec(
    `PRAGMA page_size = ${pageBytes}; CREATE TABLE rows (id INTEGER PRIMARY KEY, text TEXT NOT NULL); INSERT INTO rows (text) VALUES ('first'), ('second')`,
  )
  db.close()
  const fd = openSync(file, 'r+')
  try {
    const header = Buffer.alloc(100)
    readSync(fd, header, 0, header.length, 0)
    const firstFree = header.readUInt32BE(28) + 1
    const pages = sizeBytes / pageBytes
    // Where SQLite's locks are, no page is used.
    const lockPage = 2 ** 30 / pageBytes + 1
    // A trunk names the leaves after it, as many as SQLite itself would have it name, and the next trunk.
    const leavesPerTrunk = pageBytes / 4 - 8
    const trunk = Buffer.alloc(pageBytes)
    for (let at = firstFree; at <= pages;) {
      const leaves: number[] = []
      let next = at + 1
      for (; next <= pages && leaves.length < leavesPerTrunk; next++) if (next !== lockPage) leaves.push(next)
      if (next === lockPage) next += 1
      trunk.fill(0)
      trunk.writeUInt32BE(next <= pages ? next : 0, 0)
      trunk.writeUInt32BE(leaves.length, 4)
      for (const [i, leaf] of leaves.entries()) trunk.writeUInt32BE(leaf, 8 + 4 * i)
      writeSync(fd, trunk, 0, pageBytes, (at - 1) * pageBytes)
      at = next
    }
    header.writeUInt32BE(pages, 28)
    header.writeUInt32BE(firstFree, 32)
    header.writeUInt32BE(pages - firstFree + 1 - (lockPage <= pages ? 1 : 0), 36)
    writeSync(fd, header, 0, header.length, 0)
    ftruncateSync(fd, sizeBytes)
  } finally {
    closeSync(fd)
  }
}
