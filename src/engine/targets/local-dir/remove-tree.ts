import { constants, type Dirent } from 'node:fs'
import { chmod, lstat, open, opendir, rmdir, unlink } from 'node:fs/promises'
import { toBytePath, type BytePath } from '../../../lib/byte-path.ts'
import { anchorDirectory, type DirectoryAnchor } from './directory-anchor.ts'
import { hasErrno } from './local-dir-error.ts'
import { linkError } from './local-dir-name.ts'

/** O_PATH of Linux (asm-generic/fcntl.h), which Node does not name. */
const openPath = 0o10000000
/** Names removed together. */
const pageSize = 64
/** A directory that others keep filling is given up after so many looks. */
const maxPasses = 5

/**
 * Removes a directory and everything in it, temporary files, links and odd names too, and makes that durable. Links are removed, never
 * followed. What is not there, or is no directory, is left alone.
 * @param segments at least one
 * @param last names directly in it that go only when it is durable that nothing else is left
 * @returns how many files and links were removed
 * @throws target_rejected when a part of the way is a symbolic link
 */
export async function removeTreeBelow(root: string, segments: readonly string[], last: readonly string[]): Promise<number> {
  let parent: DirectoryAnchor | undefined
  try {
    parent = await anchorDirectory(root)
    for (let depth = 1; depth < segments.length; depth++) {
      const inner: DirectoryAnchor = await stepPlainly(parent, root, segments.slice(0, depth))
      await parent.handle.close()
      parent = inner
    }
    // Proves that it is a directory and no link before anything is removed.
    await (await stepPlainly(parent, root, segments)).handle.close()
  } catch (error) {
    await parent?.handle.close()
    if (hasErrno(error, 'ENOENT', 'ENOTDIR')) return 0
    throw error
  }
  await using _ = parent
  const removed = await removeDirectory(parent, toBytePath(segments.at(-1)!), last.map(toBytePath))
  await parent.handle.sync()
  return removed
}

async function stepPlainly(parent: DirectoryAnchor, root: string, way: readonly string[]): Promise<DirectoryAnchor> {
  const name = toBytePath(way.at(-1)!)
  if ((await lstat(parent.entry(name))).isSymbolicLink()) throw linkError(root, way)
  return await parent.step(name)
}

async function removeDirectory(parent: DirectoryAnchor, name: BytePath, last: readonly BytePath[] = []): Promise<number> {
  let removed = 0
  let isOpened = false
  for (let pass = 1; ; pass++) {
    try {
      removed += await emptyDirectory(parent, name, last)
      await rmdir(parent.entry(name))
      return removed
    } catch (error) {
      if (hasErrno(error, 'ENOENT')) return removed
      // Somebody made it a link meanwhile: the look at the directory around it removes that as one.
      if (hasErrno(error, 'ENOTDIR', 'ELOOP')) return removed
      // A tree has the modes of its source: nobody but root may remove from a directory that is not to be written.
      if (hasErrno(error, 'EACCES') && !isOpened) {
        isOpened = true
        await openToOwner(parent, name)
        continue
      }
      // Somebody added to it, or reading it while it shrank skipped names.
      if (!hasErrno(error, 'ENOTEMPTY', 'EEXIST') || pass === maxPasses) throw error
    }
  }
}

/** Names no other directory than this one, and opens nothing that may not be opened: by a handle that only stands for it. */
async function openToOwner(parent: DirectoryAnchor, name: BytePath): Promise<void> {
  const handle = await open(parent.entry(name), openPath | constants.O_NOFOLLOW | constants.O_DIRECTORY)
  await using _ = handle
  await chmod(`/proc/self/fd/${handle.fd}`, 0o700)
}

async function emptyDirectory(parent: DirectoryAnchor, name: BytePath, last: readonly BytePath[]): Promise<number> {
  await using directory = await parent.step(name)
  let { removed, seen } = await removeEntries(directory, last)
  if (last.length === 0) return removed
  // Reading it while it shrank may have skipped names: only a look that finds nothing proves that nothing is left.
  for (let pass = 1; seen > 0; pass++) {
    if (pass === maxPasses) throw Object.assign(new Error('ENOTEMPTY: it is filled again and again'), { code: 'ENOTEMPTY', syscall: 'rmdir' })
    const more = await removeEntries(directory, last)
    removed += more.removed
    seen = more.seen
  }
  await directory.handle.sync()
  for (const each of last) removed += await removeFile(directory, each)
  return removed
}

/** All but those in `kept`. */
async function removeEntries(directory: DirectoryAnchor, kept: readonly BytePath[]): Promise<{ removed: number; seen: number }> {
  let removed = 0
  let seen = 0
  let page: Dirent[] = []
  // latin1: one character a byte, so that every name is reached.
  for await (const dirent of await opendir(directory.entry('.'), { encoding: 'latin1', bufferSize: pageSize })) {
    if (kept.includes(dirent.name)) continue
    seen += 1
    page.push(dirent)
    if (page.length < pageSize) continue
    removed += await removePage(directory, page)
    page = []
  }
  return { removed: removed + (await removePage(directory, page)), seen }
}

/** Files together, directories one after the other: a handle is open for each level of depth, not for each directory. */
async function removePage(directory: DirectoryAnchor, page: readonly Dirent[]): Promise<number> {
  const files = page.filter((dirent) => !dirent.isDirectory())
  let removed = 0
  // All have ended before an error closes the directory: its handle's number may name another one right after.
  for (const outcome of await Promise.allSettled(files.map((dirent) => removeFile(directory, dirent.name)))) {
    if (outcome.status === 'rejected') throw outcome.reason as Error
    removed += outcome.value
  }
  for (const dirent of page) if (dirent.isDirectory()) removed += await removeDirectory(directory, dirent.name)
  return removed
}

async function removeFile(directory: DirectoryAnchor, name: BytePath): Promise<number> {
  try {
    await unlink(directory.entry(name))
    return 1
  } catch (error) {
    if (hasErrno(error, 'ENOENT')) return 0
    throw error
  }
}
