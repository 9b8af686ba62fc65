import { lstatSync, statfsSync } from 'node:fs'
import path from 'node:path'
import { type BytePath, fsPath } from '../../../lib/byte-path.ts'
import { captureByCopy, ChangingError, SeveralDatabasesError } from './capture-by-copy.ts'
import type { CaptureOrder, Captured, Refused } from './capture-messages.ts'
import { captureOnline, OtherFileError } from './capture-online.ts'
import { readSqliteHeader } from './sqlite-header.ts'
import { sqliteTrouble } from './sqlite-error.ts'

class NoRoomError extends Error {}

/** Left free where copies are made. */
const spareBytes = 64 * 1024 * 1024
/** An application may open or close the database between a look and the next. */
const rounds = 3

/**
 * Captures one database: through SQLite where that changes nothing beside it, else as a copy of its files. Nothing of it is left where it could not be captured.
 * @throws what is no reason to go on, such as a directory of ours that cannot be written
 */
export async function captureDatabase(order: CaptureOrder, onProgress: (doneBytes: number, totalBytes: number) => void): Promise<Captured | Refused> {
  const requireRoom = (sizeBytes: number) => {
    const { bavail, bsize } = statfsSync(path.dirname(order.to))
    if (bavail * bsize < sizeBytes + spareBytes) throw new NoRoomError(`${sizeBytes} bytes do not fit beside what else is there`)
  }
  let isBusy = false
  for (let round = 1; ; round++) {
    try {
      const header = readSqliteHeader(order.physical)
      if (header === null) return { refused: 'damaged', message: 'it is no database any more' }
      // Without these two SQLite would have to make them; nobody has the database open then.
      const canRead = !header.wal || (isThere(`${order.physical}-wal`) && isThere(`${order.physical}-shm`))
      if (!order.frozen && canRead && !isBusy) {
        try {
          return { how: 'online', sizeBytes: await captureOnline(order, { requireRoom, onProgress }) }
        } catch (error) {
          // Somebody keeps it locked, or it has to be recovered first, which nobody but its application may do there.
          const trouble = sqliteTrouble(error)
          if (trouble !== 'busy' && trouble !== 'cannot_open') throw error
          isBusy = trouble === 'busy'
        }
      }
      return { how: 'copied', sizeBytes: await captureByCopy(order, { requireRoom, onProgress }) }
    } catch (error) {
      const refused = refusalOf(error, isBusy)
      if (refused === null) throw error
      if (refused.refused !== 'changing' || round === rounds) return refused
    }
  }
}

function refusalOf(error: unknown, isBusy: boolean): Refused | null {
  const { message, code, syscall } = error as NodeJS.ErrnoException
  if (error instanceof NoRoomError) return { refused: 'no_space', message }
  if (error instanceof SeveralDatabasesError) return { refused: 'several_databases', message }
  if (error instanceof OtherFileError) return { refused: 'changing', message }
  if (error instanceof ChangingError) return { refused: isBusy ? 'locked' : 'changing', message }
  if (code === 'EACCES' || code === 'EPERM') return { refused: 'denied', message }
  if (code === 'ENOSPC' || code === 'EDQUOT') return { refused: 'no_space', message }
  if (code === 'ENOENT' || code === 'ENOTDIR' || code === 'ESTALE') return { refused: 'changing', message }
  if (syscall !== undefined) return { refused: 'damaged', message }
  switch (sqliteTrouble(error)) {
    case null:
      return null
    case 'busy':
      return { refused: 'locked', message }
    case 'full':
      return { refused: 'no_space', message }
    case 'denied':
    case 'cannot_open':
      return { refused: 'denied', message }
    default:
      return { refused: 'damaged', message }
  }
}

function isThere(file: BytePath): boolean {
  return lstatSync(fsPath(file), { throwIfNoEntry: false })?.isFile() === true
}
