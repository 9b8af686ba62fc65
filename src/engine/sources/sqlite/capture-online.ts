import { closeSync, fstatSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { backup, DatabaseSync } from 'node:sqlite'
import type { BytePath } from '../../../lib/byte-path.ts'
import { asUser } from '../../../lib/effective-user.ts'
import { openSourceFile } from '../../pipeline/open-source-file.ts'
import type { CaptureOrder } from './capture-messages.ts'
import { copyDatabaseFile, recoverCopy } from './copy-database-file.ts'

/** The file is not the one that was listed. */
export class OtherFileError extends Error {}

export interface OnlineOptions {
  /** called before anything is written, with the size of the copy; throws when there is no room */
  requireRoom(sizeBytes: number): void
  onProgress(doneBytes: number, totalBytes: number): void
}

/** A connection in the transaction that all of the database is read in. */
interface Connection extends Disposable {
  db: DatabaseSync
  /** SQLite's own descriptor of the file; `null` on systems that do not tell */
  fd: number | null
}

/** How long a writer may hold the database before we give up, in milliseconds. */
const busyMs = 2000
/** A copy up to this size is made in memory. */
const inMemoryBytes = 16 * 1024 * 1024
const stepBytes = 16 * 1024 * 1024
/** A copy that takes longer than writers may wait is made in steps that let them in between; so often is it begun anew for them. */
const maxRestarts = 3

/**
 * Copies a database beside whoever uses it, as of one of its transactions. The connection can neither write nor create anything: it is opened `mode=ro` and `readonly_shm`, as the file's
 * owner, so that no file of the source is made, grown or touched (as root SQLite would set the owner of a log it opens), and closing it checkpoints nothing. What this process must not do
 * meanwhile is open and close the same file in any other way: that would drop the connection's locks.
 * @returns the size of the copy @throws SQLite's error; OtherFileError
 */
export async function captureOnline(order: CaptureOrder, options: OnlineOptions): Promise<number> {
  using connection = openReadOnly(order)
  const { db } = connection
  const sizeBytes = Number(pragma(db, 'page_count')) * Number(pragma(db, 'page_size'))
  options.requireRoom(sizeBytes)
  if (sizeBytes <= inMemoryBytes) {
    writeFileSync(order.to, db.serialize(), { flag: 'wx', mode: 0o600 })
    return sizeBytes
  }
  if (pragma(db, 'journal_mode') === 'wal') {
    await copyUnderLock(connection, order, options)
  } else {
    // Whoever reads a database with a rollback journal keeps everybody from writing: let go between steps, and insist only when it is never left alone.
    db.exec('COMMIT')
    try {
      await copyInSteps(db, order, options, maxRestarts)
    } catch (error) {
      if (!(error instanceof RestartedError)) throw error
      begin(db)
      rmSync(order.to)
      await copyUnderLock(connection, order, options)
    }
  }
  return sizeOf(order.to)
}

/**
 * Copies the files themselves while a reader's lock is held, which is several times as fast as page by page through SQLite, and has SQLite recover the copy. With a rollback journal nobody writes to the
 * file meanwhile. With a log nobody begins it anew, and into the file comes only what stands in the part of the log that we read, so that file and log together are the
 * database as of our transaction or of a later one (https://sqlite.org/walformat.html, 2.3.1; docs/decisions/0015-copy-under-a-lock.md).
 */
async function copyUnderLock({ db, fd }: Connection, order: CaptureOrder, options: OnlineOptions): Promise<void> {
  if (fd === null) return await copyInSteps(db, order, options, Number.POSITIVE_INFINITY)
  const log = pragma(db, 'journal_mode') === 'wal' ? openSourceFile(`${order.physical}-wal`, false) : null
  try {
    const databaseBytes = fstatSync(fd).size
    const totalBytes = databaseBytes + (log === null ? 0 : fstatSync(log).size)
    options.requireRoom(totalBytes)
    let doneBytes = 0
    const onCopied = (bytes: number) => options.onProgress((doneBytes += bytes), totalBytes)
    await copyDatabaseFile(fd, order.to, databaseBytes, onCopied)
    // What was written to it meanwhile is taken along.
    if (log !== null) await copyDatabaseFile(log, `${order.to}-wal`, fstatSync(log).size, onCopied)
  } finally {
    if (log !== null) closeSync(log)
  }
  recoverCopy(order.to)
}

/** Through SQLite's backup API. @throws RestartedError when somebody else wrote in between more often than `maxRestarts` */
async function copyInSteps(db: DatabaseSync, order: CaptureOrder, options: OnlineOptions, restarts: number): Promise<void> {
  const pageBytes = Number(pragma(db, 'page_size'))
  await backup(db, order.to, {
    rate: Math.max(1, Math.floor(stepBytes / pageBytes)),
    progress: stopAfterRestarts(restarts, ({ totalPages, remainingPages }) => {
      options.onProgress((totalPages - remainingPages) * pageBytes, totalPages * pageBytes)
    }),
  })
}

class RestartedError extends Error {}

/** What is left becomes less with each step, but when SQLite has begun anew because somebody wrote, or waits for whoever does. */
function stopAfterRestarts(
  max: number,
  tell: (progress: { totalPages: number; remainingPages: number }) => void,
): (progress: { totalPages: number; remainingPages: number }) => void {
  let least = Number.POSITIVE_INFINITY
  let restarts = 0
  return (progress) => {
    if (progress.remainingPages >= least && ++restarts > max) throw new RestartedError()
    least = progress.remainingPages
    tell(progress)
  }
}

function openReadOnly(order: CaptureOrder): Connection {
  const db = asUser(order, () => openAndRead(order.physical))
  try {
    return { db, fd: descriptorOf(order), [Symbol.dispose]: () => db.close() }
  } catch (error) {
    db.close()
    throw error
  }
}

/** Begins the transaction that all of it is read in. */
function openAndRead(physical: BytePath): DatabaseSync {
  const db = new DatabaseSync(readOnlyUri(physical), { readOnly: true, timeout: busyMs, enableForeignKeyConstraints: false })
  try {
    begin(db)
    return db
  } catch (error) {
    db.close()
    throw error
  }
}

function begin(db: DatabaseSync): void {
  db.exec('BEGIN')
  db.prepare('SELECT 1 FROM sqlite_schema').get()
}

/** Any name's bytes, as a URI of SQLite. */
function readOnlyUri(physical: BytePath): string {
  const path = physical.replace(/[^A-Za-z0-9/._-]/g, (char) => `%${char.charCodeAt(0).toString(16).padStart(2, '0')}`)
  return `file:${path}?mode=ro&readonly_shm=1`
}

/**
 * The descriptor of the file that was listed: its name could lead elsewhere by now. Looks without opening.
 * @returns `null` on systems that do not tell which files are open; there the name is looked at
 * @throws OtherFileError
 */
function descriptorOf({ physical, dev, ino }: CaptureOrder): number | null {
  const isIt = (path: string | Buffer) => {
    const stats = statSync(path, { throwIfNoEntry: false })
    return stats?.dev === dev && stats.ino === ino
  }
  const descriptors = descriptorsOfLinux()
  const found = descriptors?.find((name) => isIt(`/proc/self/fd/${name}`))
  if (found !== undefined) return Number(found)
  if (descriptors === null && isIt(Buffer.from(physical, 'latin1'))) return null
  throw new OtherFileError('another file is at its place')
}

function descriptorsOfLinux(): string[] | null {
  try {
    return readdirSync('/proc/self/fd')
  } catch {
    return null
  }
}

function pragma(db: DatabaseSync, name: 'page_count' | 'page_size' | 'journal_mode'): unknown {
  return db.prepare(`PRAGMA ${name}`).get()![name]
}

function sizeOf(path: string): number {
  return statSync(path).size
}
