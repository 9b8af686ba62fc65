import { BastionError } from '../../../core/errors.ts'
import { createSharedRounds } from '../../../lib/shared-rounds.ts'
import type { SftpConnection } from './sftp-connection.ts'
import { linkError, pathOf, type SftpRoot } from './sftp-path.ts'
import { openForReading } from './sftp-requests.ts'
import { hasStatus, SftpStatusError, sftpStatus } from './sftp-status.ts'

export interface SftpDirectories {
  /** Makes the directory, those above it and on first use the root. Resolves with its path. */
  make(segments: readonly string[]): Promise<string>
  /** What was known of this directory and of those below it may no longer be true. */
  forget(segments: readonly string[]): void
  /** Makes the names in a directory durable where the server can. One round serves all who wait for it. */
  sync(path: string): Promise<void>
}

/** Directories known to be there; when there are more, the deeper ones are asked for again. */
const knownLimit = 4096
/** Those of jobs and runs are never forgotten by themselves, so that a disk which goes away takes all that would be stored below them with it. */
const keptDepth = 2

/**
 * A directory that was seen and is gone is not made again, nor is the root: when its disk is unmounted, the folder it was mounted on is left alone,
 * and nothing is spread over two disks.
 */
export function createSftpDirectories(connection: SftpConnection, root: SftpRoot): SftpDirectories {
  const known = new Map<string, { depth: number; made: Promise<void> }>()

  async function makeRoot(path: string): Promise<void> {
    const session = await connection.session()
    const found = await session.stat(path)
    if (found?.kind === 'directory') return
    if (found !== undefined) throw new BastionError('target_rejected', `${root.label} is not a folder.`)
    const parent = path.slice(0, Math.max(path.lastIndexOf('/'), 0))
    if (parent !== '') await makeRoot(parent)
    try {
      await session.mkdir(path)
    } catch (error) {
      // Somebody else was faster.
      if (!(error instanceof SftpStatusError) || (await session.stat(path))?.kind !== 'directory') throw error
    }
    await sync(parent || (path.startsWith('/') ? '/' : '.'))
  }

  async function makeOne(segments: readonly string[], path: string): Promise<void> {
    const parent = await make(segments.slice(0, -1))
    const session = await connection.session()
    try {
      await session.mkdir(path)
    } catch (error) {
      if (!(error instanceof SftpStatusError)) throw error
      const found = await session.lstat(path)
      if (found === undefined) throw hasStatus(error, sftpStatus.noSuchFile) ? vanishedError(root, segments.slice(0, -1)) : error
      if (found.kind === 'link') throw linkError(root, segments)
      if (found.kind !== 'directory') throw new BastionError('target_rejected', `"${segments.join('/')}" in ${root.label} is not a folder.`)
    }
    // Also when it was there: whoever made it may not have come to this line yet.
    await sync(parent)
  }

  async function make(segments: readonly string[]): Promise<string> {
    const path = pathOf(root, segments)
    const found = known.get(path)
    if (found !== undefined) {
      await found.made
      return path
    }
    if (known.size >= knownLimit) for (const [key, { depth }] of known) if (depth > keptDepth) known.delete(key)
    const made = segments.length === 0 ? makeRoot(path) : makeOne(segments, path)
    const entry = { depth: segments.length, made }
    known.set(path, entry)
    try {
      await made
    } catch (error) {
      if (known.get(path) === entry) known.delete(path)
      throw error
    }
    return path
  }

  function forget(segments: readonly string[]): void {
    const path = pathOf(root, segments)
    for (const key of known.keys()) if (key === path || key.startsWith(`${path}/`)) known.delete(key)
  }

  let serverFlushes = true
  const sync = createSharedRounds(async (path) => {
    if (!serverFlushes) return
    const session = await connection.session()
    // A directory opened as a file can be flushed on OpenSSH, whose server asks the operating system for no more.
    const handle = await session.open(path, openForReading).catch((error: unknown) => {
      if (!(error instanceof SftpStatusError)) throw error
    })
    if (handle === undefined) return
    try {
      await session.fsync(handle)
    } catch (error) {
      // The server, or the filesystem below it, flushes no directories; a disk that fails answers otherwise.
      if (!hasStatus(error, sftpStatus.unsupported, sftpStatus.badMessage, sftpStatus.noSuchFile)) throw error
      if (error.status === sftpStatus.unsupported) serverFlushes = false
    } finally {
      session.close(handle).catch(() => {}) // nothing depends on it
    }
  })

  return { make, forget, sync }
}

/** A folder that was there when it was used before. */
export function vanishedError(root: SftpRoot, segments: readonly string[]): BastionError {
  const folder = segments.length === 0 ? root.label : `"${segments.join('/')}" in ${root.label}`
  return new BastionError('target_identity', `${folder} was there and is gone.`, {
    hint: 'Somebody removed the folder while it was used, or its disk was unmounted on the server. Nothing was written anew.',
  })
}
