import { mkdirSync, realpathSync, rmSync, statfsSync } from 'node:fs'
import { totalmem } from 'node:os'
import path from 'node:path'
import type { CaptureRefusal } from '../../../core/sqlite-capture.ts'
import { type BytePath, fsPath, toBytePath } from '../../../lib/byte-path.ts'
import { createFileStater } from '../../../lib/file-stat.ts'
import { createXattrs } from '../../../lib/posix-xattr.ts'
import type { SourceEntry } from '../source.ts'
import { CaptureEndedError, createCaptureProcess } from './capture-process.ts'
import type { DatabaseCheck } from './capture-messages.ts'

/** A database in a copy of its own. */
export interface CapturedDatabase {
  entry: SourceEntry
  how: 'online' | 'copied'
  /** where it was asked for */
  check: DatabaseCheck | null
}

/** Makes copies of databases, and removes each when it is packed. */
export interface SqliteCapturer extends AsyncDisposable {
  /** One after the other, in the order they are asked for. @throws the signal's reason @param options.check has SQLite read all of the copy */
  capture(entry: SourceEntry, options: { check: boolean }): Promise<CapturedDatabase | { refused: CaptureRefusal; message: string }>
  /** Whether there is room to make copies ahead of their turn. */
  mayGoAhead(): boolean
}

/** Of what is free on the disk, copies that wait for their turn take at most this share. */
const shareAhead = 0.25
/** And of memory: what is removed before the system begins to bring it to the disk costs the disk nothing. */
const memoryShareAhead = 1 / 8

/**
 * @param options.directory for the copies, made when there is one; nothing is left of it
 * @param options.onProgress while a large one is copied
 */
export function createSqliteCapturer(options: {
  directory: string
  onProgress: (doneBytes: number, totalBytes: number) => void
  signal: AbortSignal
}): SqliteCapturer {
  const { directory, signal } = options
  const stater = createFileStater()
  const xattrs = createXattrs()
  const reader = createCaptureProcess()
  const giveUp = () => void reader[Symbol.asyncDispose]()
  signal.addEventListener('abort', giveUp, { once: true })
  let heldBytes = 0
  let count = 0

  return {
    async capture(source, { check }) {
      const { mode, uid, gid, mtimeNs, dev, ino, size } = source.stat ?? stater.byPath(source.physical, source.followed)
      const physical = source.followed ? realPath(source.physical) : source.physical
      const inode = { mode, uid, gid, mtimeNs, ...readAttributes(physical) }
      if (count === 0) mkdirSync(directory, { mode: 0o700 })
      const to = path.join(directory, String(++count))
      // Until it is known, what the file has now is what the copy will need.
      let bytes = size
      heldBytes += bytes
      const entry = { ...source }
      const release = () => {
        heldBytes -= bytes
        bytes = 0
        for (const suffix of ['', '-wal', '-shm', '-journal']) rmSync(`${to}${suffix}`, { force: true })
      }
      try {
        const captured = await reader.capture({ physical, dev, ino, uid, gid, frozen: source.frozen !== false, to }, options.onProgress)
        if ('refused' in captured) {
          release()
          return captured
        }
        const checked = check ? await reader.check(to) : null
        const stat = stater.byPath(toBytePath(to), false).copy()
        heldBytes += stat.size - bytes
        bytes = stat.size
        Object.assign(entry, { physical: toBytePath(to), sizeBytes: stat.size, stat, followed: false, frozen: 'application', inode, release })
        return { entry, how: captured.how, check: checked }
      } catch (error) {
        release()
        signal.throwIfAborted()
        if (error instanceof CaptureEndedError) return { refused: 'interrupted', message: error.message }
        throw error
      }
    },
    mayGoAhead() {
      if (heldBytes === 0) return true
      if (heldBytes >= totalmem() * memoryShareAhead) return false
      const { bavail, bsize } = statfsSync(directory)
      return heldBytes < (bavail * bsize + heldBytes) * shareAhead
    },
    async [Symbol.asyncDispose]() {
      signal.removeEventListener('abort', giveUp)
      await reader[Symbol.asyncDispose]()
      rmSync(directory, { recursive: true, force: true })
    },
  }

  function readAttributes(physical: BytePath): { xattrs?: ReturnType<NonNullable<typeof xattrs>['read']> } {
    try {
      return xattrs === null ? {} : { xattrs: xattrs.read(fsPath(physical)) }
    } catch {
      return {}
    }
  }
}

function realPath(physical: BytePath): BytePath {
  return realpathSync.native(fsPath(physical), { encoding: 'latin1' })
}
