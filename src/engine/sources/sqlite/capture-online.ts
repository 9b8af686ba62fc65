import { readdirSync, statSync, writeFileSync } from 'node:fs'
import { backup, DatabaseSync } from 'node:sqlite'
import type { BytePath } from '../../../lib/byte-path.ts'
import { asUser } from '../../../lib/effective-user.ts'
import type { CaptureOrder } from './capture-messages.ts'
import type { SqliteHeader } from './sqlite-header.ts'

/** The file is not the one that was listed. */
export class OtherFileError extends Error {}

export interface OnlineOptions {
  header: SqliteHeader
  /** called before anything is written, with the size of the copy; throws when there is no room */
  requireRoom(sizeBytes: number): void
  onProgress(doneBytes: number, totalBytes: number): void
}

/** How long a writer may hold the database before we give up, in milliseconds. */
const busyMs = 2000
/** A copy up to this size is made in memory: `backup` syncs what it writes, which costs more than a small database. */
const inMemoryBytes = 16 * 1024 * 1024
const stepBytes = 16 * 1024 * 1024
/** A copy that takes longer than writers may wait is made in steps that let them in between; so often is it begun anew for them. */
const maxRestarts = 3

/**
 * Copies a database as SQLite sees it, beside whoever uses it. The connection can neither write nor create anything: it is opened `mode=ro` and `readonly_shm`, as the file's
 * owner, so that no file of the source is made, grown or touched (as root SQLite would set the owner of a log it opens), and closing it checkpoints nothing. What this process must not do
 * meanwhile is open and close the same file in any other way: that would drop the connection's locks.
 * @returns the size of the copy @throws SQLite's error; OtherFileError
 */
export async function captureOnline(order: CaptureOrder, options: OnlineOptions): Promise<number> {
  using connection = openReadOnly(order)
  const { db } = connection
  const sizeBytes = pragma(db, 'page_count') * pragma(db, 'page_size')
  options.requireRoom(sizeBytes)
  if (sizeBytes <= inMemoryBytes) {
    writeFileSync(order.to, db.serialize(), { flag: 'wx', mode: 0o600 })
    return sizeBytes
  }
  const copy = (maxRestartsHere: number) =>
    backup(db, order.to, {
      rate: Math.max(1, Math.floor(stepBytes / pragma(db, 'page_size'))),
      progress: stopAfterRestarts(maxRestartsHere, ({ totalPages, remainingPages }) => {
        options.onProgress(((totalPages - remainingPages) / totalPages) * sizeBytes, sizeBytes)
      }),
    })
  if (!options.header.wal) {
    // Whoever reads a database with a rollback journal keeps everybody from writing: let go between steps, and insist only when it is never left alone.
    db.exec('COMMIT')
    try {
      await copy(maxRestarts)
      return sizeOf(order.to)
    } catch (error) {
      if (!(error instanceof RestartedError)) throw error
    }
    begin(db)
  }
  await copy(Number.POSITIVE_INFINITY)
  return sizeOf(order.to)
}

class RestartedError extends Error {}

/** Pages that are left can only become more when SQLite begins anew because somebody wrote. */
function stopAfterRestarts(
  max: number,
  tell: (progress: { totalPages: number; remainingPages: number }) => void,
): (progress: { totalPages: number; remainingPages: number }) => void {
  let least = Number.POSITIVE_INFINITY
  let restarts = 0
  return (progress) => {
    if (progress.remainingPages > least && ++restarts > max) throw new RestartedError()
    least = progress.remainingPages
    tell(progress)
  }
}

function openReadOnly(order: CaptureOrder): { db: DatabaseSync } & Disposable {
  const db = asUser(order, () => openAndRead(order.physical))
  const connection = { db, [Symbol.dispose]: () => db.close() }
  if (isOpen(order)) return connection
  db.close()
  throw new OtherFileError('another file is at its place')
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

/** Whether what is open is the file that was listed: its name could lead elsewhere by now. Looks without opening. */
function isOpen({ physical, dev, ino }: CaptureOrder): boolean {
  const isIt = (path: string | Buffer) => {
    const stats = statSync(path, { throwIfNoEntry: false })
    return stats?.dev === dev && stats.ino === ino
  }
  const descriptors = descriptorsOfLinux()
  return descriptors === null ? isIt(Buffer.from(physical, 'latin1')) : descriptors.some(isIt)
}

function descriptorsOfLinux(): string[] | null {
  try {
    return readdirSync('/proc/self/fd').map((name) => `/proc/self/fd/${name}`)
  } catch {
    return null
  }
}

function pragma(db: DatabaseSync, name: 'page_count' | 'page_size'): number {
  return Number(db.prepare(`PRAGMA ${name}`).get()![name])
}

function sizeOf(path: string): number {
  return statSync(path).size
}
