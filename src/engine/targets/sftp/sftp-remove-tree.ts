import { BastionError } from '../../../core/errors.ts'
import { pagesOf } from './sftp-list.ts'
import { entryPath, linkError, lookAt, pathOf, type SftpRoot } from './sftp-path.ts'
import type { SftpSession } from './sftp-session.ts'
import { hasStatus, SftpStatusError, sftpStatus } from './sftp-status.ts'

/** Directories emptied at the same time besides the ones that lead to them. */
const directoriesAtOnce = 8
/** A directory that others keep filling is given up after so many looks. */
const maxPasses = 5

/**
 * Removes a directory and everything in it, temporary files and links too. Links are removed, never followed: each directory is looked at right before
 * it is entered, which is as near as the protocol allows. What is not there, or is no directory, is left alone.
 * @param segments at least one
 * @param last names directly in it that go only when a look finds nothing else
 * @returns how many files and links were removed
 * @throws target_rejected when a part of the way is a symbolic link, or a name is not UTF-8 and so cannot be sent
 */
export async function removeTreeBelow(session: SftpSession, root: SftpRoot, segments: readonly string[], last: readonly string[]): Promise<number> {
  const found = await lookAt(session, root, segments)
  if (found?.kind === 'link') throw linkError(root, segments)
  let free = directoriesAtOnce
  return last.length === 0 || found?.kind !== 'directory'
    ? await removeDirectory(pathOf(root, segments))
    : await removeInOrder(pathOf(root, segments))

  async function removeInOrder(path: string): Promise<number> {
    let removed = 0
    for (let pass = 1; ; pass++) {
      const emptied = await emptyDirectory(path, last)
      removed += emptied.removed
      if (emptied.seen === 0) break
      if (pass === maxPasses) throw new BastionError('target_rejected', `${path} on ${root.label} is filled again and again while it is emptied.`)
    }
    for (const name of last) removed += await removeFile(entryPath(path, name))
    return removed + (await removeDirectory(path))
  }

  async function removeDirectory(path: string): Promise<number> {
    let removed = 0
    for (let pass = 1; ; pass++) {
      // A link that took its place is removed by the look at the directory around it.
      if ((await session.lstat(path))?.kind !== 'directory') return removed
      removed += (await emptyDirectory(path)).removed
      try {
        await session.rmdir(path)
        return removed
      } catch (error) {
        // Somebody added to it, or reading it while it shrank skipped names.
        if (!hasStatus(error, sftpStatus.failure, sftpStatus.noSuchFile) || pass === maxPasses) throw error
      }
    }
  }

  /** Of all but those in `kept`. */
  async function emptyDirectory(path: string, kept: readonly string[] = []): Promise<{ removed: number; seen: number }> {
    let removed = 0
    let seen = 0
    for await (const entries of pagesOf(session, path, undefined)) {
      const page = entries.filter(({ name }) => !kept.includes(name))
      const directories: string[] = []
      seen += page.length
      removed += await sumOf(
        page.map(async ({ name, attributes }) => {
          const entry = entryPath(path, name)
          const { kind } = attributes ?? (await session.lstat(entry)) ?? { kind: 'other' }
          if (kind !== 'directory') return await removeFile(entry)
          directories.push(entry)
          return 0
        }),
      )
      removed += await removeDirectories(directories)
    }
    return { removed, seen }
  }

  async function removeDirectories(paths: readonly string[]): Promise<number> {
    const beside: Promise<number>[] = []
    let removed = 0
    try {
      for (const path of paths) {
        if (free > 0) {
          free--
          const removing = removeDirectory(path).finally(() => free++)
          removing.catch(() => {}) // awaited below
          beside.push(removing)
        } else removed += await removeDirectory(path)
      }
    } finally {
      removed += await sumOf(beside)
    }
    return removed
  }

  async function removeFile(path: string): Promise<number> {
    try {
      await session.remove(path)
      return 1
    } catch (error) {
      if (!(error instanceof SftpStatusError)) throw error
      // ssh2 reads and sends names as UTF-8.
      if (path.includes('\ufffd') && (await session.lstat(path)) === undefined) {
        throw new BastionError('target_rejected', `${JSON.stringify(path)} on ${root.label} cannot be removed: its name is not UTF-8.`, {
          cause: error,
          hint: 'Something else wrote it. Remove it on the server.',
        })
      }
      if (hasStatus(error, sftpStatus.noSuchFile)) return 0
      throw error
    }
  }
}

/** Waits for all, also when one fails: nothing goes on behind the error. */
async function sumOf(counts: readonly Promise<number>[]): Promise<number> {
  let sum = 0
  for (const outcome of await Promise.allSettled(counts)) {
    if (outcome.status === 'rejected') throw outcome.reason as Error
    sum += outcome.value
  }
  return sum
}
