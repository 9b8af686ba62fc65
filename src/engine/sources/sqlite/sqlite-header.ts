import { closeSync, readSync } from 'node:fs'
import type { BytePath } from '../../../lib/byte-path.ts'
import { openSourceFile } from '../../pipeline/open-source-file.ts'

/** What the first bytes of a database say (https://sqlite.org/fileformat2.html, 1.3). */
export interface SqliteHeader {
  /** its transactions go through a `-wal` file; else through a `-journal` */
  wal: boolean
}

const magic = Buffer.from('SQLite format 3\0', 'latin1')
const headerBytes = 100
const leastPageBytes = 512

/** What stands beside a database of this name and holds a part of it, or says who uses it. In byte order. */
export const journalSuffixes = ['-journal', '-shm', '-wal'] as const

/** Whether a file of this size can be a database: it has whole pages. Of other files not one in five hundred is opened. */
export function mayBeDatabase(sizeBytes: number): boolean {
  return sizeBytes >= leastPageBytes && sizeBytes % leastPageBytes === 0
}

/**
 * Opens a file for as long as its first bytes take. Closing it drops the locks that this process has on it (fcntl(2)), so this is not for a process that has the
 * database open.
 * @returns `null` for what is no SQLite database, or cannot be read
 */
export function readSqliteHeader(physical: BytePath, followed = false): SqliteHeader | null {
  let fd: number
  try {
    fd = openSourceFile(physical, followed)
  } catch {
    return null // whoever reads it says why
  }
  try {
    const header = Buffer.alloc(headerBytes)
    if (readSync(fd, header, 0, headerBytes, 0) < headerBytes || !header.subarray(0, magic.length).equals(magic)) return null
    const page = header.readUInt16BE(16)
    // 1 stands for 65536.
    const isPage = page === 1 || (page >= leastPageBytes && (page & (page - 1)) === 0)
    return isPage ? { wal: header[19] === 2 } : null
  } catch {
    return null
  } finally {
    closeSync(fd)
  }
}
