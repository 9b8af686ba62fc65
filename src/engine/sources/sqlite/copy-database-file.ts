import { closeSync, ftruncateSync, openSync, readSync, rmSync } from 'node:fs'
import { DatabaseSync } from 'node:sqlite'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { createFileCloner } from '../../../lib/posix-clone.ts'
import { createFileAllocator } from '../../../lib/posix-fallocate.ts'
import { writeFully } from '../../../lib/write-around-zeros.ts'

// Larger pieces do not stay in a processor's cache between being read and being written.
const pieceBytes = 256 * 1024
const piecesBetweenTurns = 64

/**
 * Copies the first `sizeBytes` of an open file, or what there is of them, into a new one; where the filesystem can, the two share their blocks. Nothing is synced: a copy that a power cut
 * could damage is worth nothing then anyway.
 * @throws the system's error
 */
export async function copyDatabaseFile(from: number, to: string, sizeBytes: number, onCopied: (bytes: number) => void): Promise<void> {
  const copy = openSync(to, 'wx', 0o600)
  try {
    if (createFileCloner()?.(from, copy) === true) return onCopied(sizeBytes)
    createFileAllocator()?.(copy, sizeBytes)
    const piece = Buffer.allocUnsafeSlow(pieceBytes)
    let position = 0
    for (let pieces = 1; ; pieces++) {
      const got = readSync(from, piece, 0, Math.min(pieceBytes, sizeBytes - position), position)
      if (got === 0) break
      writeFully(copy, piece.subarray(0, got), position)
      position += got
      onCopied(got)
      if (pieces % piecesBetweenTurns === 0) await nextTurn()
    }
    ftruncateSync(copy, position)
  } finally {
    closeSync(copy)
  }
}

/** Has SQLite bring what stands in the journals of a copy into it, and leaves the copy alone. @throws SQLite's error */
export function recoverCopy(copy: string): void {
  const db = new DatabaseSync(copy, { enableForeignKeyConstraints: false })
  try {
    db.exec('PRAGMA synchronous = OFF')
    db.prepare('SELECT 1 FROM sqlite_schema').get()
    db.exec('PRAGMA wal_checkpoint(TRUNCATE)')
  } finally {
    db.close()
  }
  for (const rest of ['-wal', '-shm', '-journal']) rmSync(`${copy}${rest}`, { force: true })
}
