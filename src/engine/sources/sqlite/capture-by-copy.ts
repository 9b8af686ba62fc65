import { closeSync, openSync, readSync, rmSync } from 'node:fs'
import { setTimeout as after } from 'node:timers/promises'
import type { BytePath } from '../../../lib/byte-path.ts'
import { createFileStater, type FileStat, type FileStater } from '../../../lib/file-stat.ts'
import { isWithinGranularity } from '../../pipeline/fingerprint.ts'
import { openSourceFile } from '../../pipeline/open-source-file.ts'
import type { CaptureOrder } from './capture-messages.ts'
import { OtherFileError } from './capture-online.ts'
import { copyDatabaseFile, recoverCopy } from './copy-database-file.ts'

/** Somebody wrote while it was copied, each time. */
export class ChangingError extends Error {}
/** Its journal is one of several of one transaction: it cannot be undone in a copy of one of them. */
export class SeveralDatabasesError extends Error {}

/** What holds a part of the database. The `-shm` file is made anew from the `-wal`. */
const parts = ['', '-wal', '-journal'] as const
/** Before it is looked at and copied again, in milliseconds. */
const waitsMs = [20, 100, 500]
/** At the end of a journal that names a super-journal (https://sqlite.org/fileformat2.html, 3). */
const superJournalMagic = Buffer.from('d9d505f920a163d7', 'hex')

/**
 * Copies a database and its journals while nobody writes to them, which is proven by their times and sizes before the first and after the last byte, and lets SQLite recover
 * the copy: what it is then is what an application would find that opened it now. For databases that SQLite cannot read in place without writing there.
 * @param options.requireRoom throws when there is no room for so many bytes
 * @returns the size of the copy
 * @throws ChangingError · SeveralDatabasesError · OtherFileError · SQLite's error · the system's
 */
export async function captureByCopy(
  order: CaptureOrder,
  { requireRoom, onProgress }: { requireRoom: (sizeBytes: number) => void; onProgress: (doneBytes: number, totalBytes: number) => void },
): Promise<number> {
  const stater = createFileStater()
  let before: (FileStat | null)[]
  for (let attempt = 0; ; attempt++) {
    before = look(order, stater)
    const sizeBytes = before.reduce((sum, stat) => sum + (stat?.size ?? 0), 0)
    requireRoom(sizeBytes)
    if (order.frozen || !before.some((stat) => stat !== null && isWithinGranularity(stat, Date.now()))) {
      // Of a try before this one, maybe in another way.
      for (const part of parts) rmSync(`${order.to}${part}`, { force: true })
      let doneBytes = 0
      const onCopied = (bytes: number) => onProgress((doneBytes += bytes), sizeBytes)
      for (const [i, part] of parts.entries()) {
        const stat = before[i]
        if (stat) await copyPart(`${order.physical}${part}`, `${order.to}${part}`, stat.size, onCopied)
      }
      if (areSame(before, look(order, stater))) break
    }
    const waitMs = waitsMs[attempt]
    if (waitMs === undefined) throw new ChangingError('it is written to again and again')
    await after(waitMs)
  }
  if (namesSuperJournal(`${order.to}-journal`, stater)) throw new SeveralDatabasesError('its journal belongs to a transaction over several databases')
  // Without a journal the file is all there is.
  if (before[1] !== null || before[2] !== null) recoverCopy(order.to)
  return stater.byPath(order.to, false).size
}

/** @returns what there is of each part; `null` for what is not there, or is no file */
function look(order: CaptureOrder, stater: FileStater): (FileStat | null)[] {
  const stats = parts.map((part) => {
    const stat = stater.byPathIfThere(`${order.physical}${part}`, false)
    return stat?.isFile === true ? stat.copy() : null
  })
  const [database] = stats
  if (database?.dev !== order.dev || database.ino !== order.ino) throw new OtherFileError('another file is at its place')
  return stats
}

function areSame(some: readonly (FileStat | null)[], others: readonly (FileStat | null)[]): boolean {
  return some.every((one, i) => {
    const other = others[i] ?? null
    return one === null || other === null ? one === other : one.isSame(other)
  })
}

async function copyPart(from: BytePath, to: string, sizeBytes: number, onCopied: (bytes: number) => void): Promise<void> {
  const source = openSourceFile(from, false)
  try {
    await copyDatabaseFile(source, to, sizeBytes, onCopied)
  } finally {
    closeSync(source)
  }
}

function namesSuperJournal(journal: string, stater: FileStater): boolean {
  const size = stater.byPathIfThere(journal, false)?.size ?? 0
  if (size < superJournalMagic.length) return false
  const fd = openSync(journal, 'r')
  try {
    const end = Buffer.alloc(superJournalMagic.length)
    readSync(fd, end, 0, end.length, size - end.length)
    return end.equals(superJournalMagic)
  } finally {
    closeSync(fd)
  }
}
