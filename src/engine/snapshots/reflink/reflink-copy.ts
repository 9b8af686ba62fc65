import { closeSync, constants, fchmodSync, fchownSync, openSync, unlinkSync } from 'node:fs'
import { type BytePath, fsPath } from '../../../lib/byte-path.ts'
import { createFileStater, type FileStat } from '../../../lib/file-stat.ts'
import { createFileCloner } from '../../../lib/posix-clone.ts'
import { createTimeSetter } from '../../../lib/posix-times.ts'
import { createXattrs, type Xattr } from '../../../lib/posix-xattr.ts'

const attempts = 3
const permissionBits = 0o7777
const readOnly = constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOCTTY

/**
 * Copies files by reference (FICLONE) into a directory, numbered from 1, with owner, mode, extended attributes and modification time. The kernel copies a file's content as of one
 * moment; where it was written just then, so that its times could be those of another content, it is copied again.
 * @param directory a name that stays with the open directory
 * @returns the name of the copy; `null` when the file cannot be copied so that everything an entry says of it is true of the copy
 */
export function createReflinkCopier(directory: string): (live: BytePath, followed: boolean) => string | null {
  const clone = createFileCloner()
  const stater = createFileStater()
  const xattrs = createXattrs()
  const times = createTimeSetter()
  let count = 0

  function copy(from: number, to: number): boolean {
    const before = stater.byHandle(from).copy()
    if (!before.isFile || clone?.(from, to) !== true) return false
    const attributes = xattrs?.read(from) ?? []
    fchownSync(to, before.uid, before.gid)
    // After the owner: changing that takes the bits of set-user-id and the capabilities away.
    fchmodSync(to, before.mode & permissionBits)
    for (const attribute of attributes) xattrs?.write(to, attribute)
    times.setByHandle(to, before.mtimeNs)
    if (!stater.byHandle(from).isSame(before)) return false
    return looksLike(before, stater.byHandle(to)) && areSame(attributes, xattrs?.read(to) ?? [])
  }

  return (live, followed) => {
    let from: number
    try {
      from = openSync(fsPath(live), readOnly | (followed ? 0 : constants.O_NOFOLLOW))
    } catch {
      return null // unreadable or gone: the live read tells which
    }
    try {
      const name = String(++count)
      for (let attempt = 0; attempt < attempts; attempt++) if (tryCopy(from, `${directory}/${name}`, copy)) return name
      return null
    } finally {
      closeSync(from)
    }
  }
}

function tryCopy(from: number, path: string, copy: (from: number, to: number) => boolean): boolean {
  let isCopied = false
  try {
    const to = openSync(path, 'wx', 0o600)
    try {
      isCopied = copy(from, to)
    } finally {
      closeSync(to)
      if (!isCopied) unlinkSync(path)
    }
  } catch {
    // no space, no right to give it its owner or its attributes: read live
  }
  return isCopied
}

function looksLike(file: FileStat, copy: FileStat): boolean {
  return copy.size === file.size && copy.mode === file.mode && copy.uid === file.uid && copy.gid === file.gid && copy.mtimeNs === file.mtimeNs
}

function areSame(one: readonly Xattr[], other: readonly Xattr[]): boolean {
  const text = (list: readonly Xattr[]) => list.map(([name, value]) => `${name}=${Buffer.from(value).toString('hex')}`).join('\n')
  return text(one) === text(other)
}
