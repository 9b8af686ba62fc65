import { closeSync, readSync } from 'node:fs'
import type { ConsistencyFinding, ConsistencyReason, ConsistencyVerdict } from '../../core/consistency.ts'
import { BastionError } from '../../core/errors.ts'
import { type BytePath, pathText } from '../../lib/byte-path.ts'
import type { FileStat, FileStater } from '../../lib/file-stat.ts'
import { changeOf, fingerprintOf, isWithinGranularity } from './fingerprint.ts'
import { openSourceFile } from './open-source-file.ts'

/** A file of a source, by the names it is stored and read under. */
export interface FileRef {
  path: BytePath
  physical: BytePath
  followed: boolean
  frozen: boolean
}

/** A source file held open while its bytes are stored. */
export interface OpenedFile extends Disposable {
  readonly fd: number
  readonly before: FileStat
  /**
   * Compares the file with what it was when it was opened, by the handle and by its name.
   * @param readBytes how many bytes of it were found, at most the announced size
   */
  finding(readBytes: number): ConsistencyFinding | null
}

/** How a file that could not be opened is told: gone, or another thing at its place, or unreadable. */
export type OpenRefusal = { finding: ConsistencyFinding; error?: { code: string; message: string } }

export function openFile(file: FileRef, stater: FileStater): OpenedFile | OpenRefusal {
  let fd: number
  try {
    fd = openSourceFile(file.physical, file.followed)
  } catch (error) {
    if (isGone(error)) return { finding: findingOf(file, 'deleted', 'stat_after_missing') }
    if ((error as NodeJS.ErrnoException).code === 'ELOOP') return { finding: findingOf(file, 'replaced', 'file_id_changed') }
    return readErrorOf(file, error)
  }
  const openedAtMs = Date.now()
  let before: FileStat
  try {
    before = stater.byHandle(fd).copy()
  } catch (error) {
    closeSync(fd)
    return readErrorOf(file, error)
  }
  if (!before.isFile) {
    closeSync(fd)
    return { finding: findingOf(file, 'replaced', 'file_id_changed') }
  }
  return {
    fd,
    before,
    finding(readBytes) {
      const after = stater.byHandle(fd).copy()
      const change = changeOf(before, after) ?? (readBytes < before.size && before.size === after.size ? 'size_changed' : null)
      if (file.frozen) {
        if (change !== null) throw new BastionError('internal', `${pathText(file.path).text} changed on a frozen source snapshot (${change})`)
        return null
      }
      // Taking a name from a file moves its ctime too: what became of the name says more than that.
      const isContent = change !== null && (change !== 'mtime_changed' || before.mtimeNs !== after.mtimeNs)
      if (isContent) return findingOf(file, 'changed', change, before, after)
      const named = stater.byPathIfThere(file.physical, file.followed)
      if (named === null) return findingOf(file, 'deleted', 'stat_after_missing', before)
      if (!named.isSameFile(before)) return findingOf(file, 'replaced', 'file_id_changed', before, named)
      if (change !== null || isWithinGranularity(before, openedAtMs)) return findingOf(file, 'changed', 'mtime_changed', before, after)
      return null
    },
    [Symbol.dispose]() {
      closeSync(fd)
    },
  }
}

/** Whether a name that was listed is there no more, or a directory on the way to it. */
export function isGone(error: unknown): boolean {
  const { code } = error as NodeJS.ErrnoException
  return code === 'ENOENT' || code === 'ENOTDIR' || code === 'ESTALE'
}

/** Reads until `length` bytes are there or the file ends. @throws the system's error */
export function readFully(fd: number, into: Uint8Array, offset: number, length: number, position: number): number {
  let done = 0
  while (done < length) {
    const got = readSync(fd, into, offset + done, length - done, position + done)
    if (got === 0) break
    done += got
  }
  return done
}

function findingOf(file: FileRef, verdict: ConsistencyVerdict, reason: ConsistencyReason, before?: FileStat, after?: FileStat): ConsistencyFinding {
  return {
    verdict,
    sample: {
      path: pathText(file.path).text,
      reason,
      ...(before === undefined ? {} : { before: fingerprintOf(before) }),
      ...(after === undefined ? {} : { after: fingerprintOf(after) }),
    },
  }
}

export function readErrorOf(file: { path: BytePath }, thrown: unknown): { finding: ConsistencyFinding; error: { code: string; message: string } } {
  const { code = 'EUNKNOWN', message } = thrown as NodeJS.ErrnoException
  const error = { code, message: message.split(',')[0] ?? code }
  return { finding: { verdict: 'read_error', sample: { path: pathText(file.path).text, reason: 'read_error', error: error.message } }, error }
}
