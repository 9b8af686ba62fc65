import { type BigIntStats, chmodSync, chownSync, closeSync, constants, copyFileSync, fstatSync, lstatSync, openSync, unlinkSync } from 'node:fs'
import { type BytePath, fsPath } from '../../../lib/byte-path.ts'
import { createTimeSetter } from '../../../lib/posix-times.ts'

const attempts = 3
const permissionBits = 0o7777n

/**
 * Copies files by reference (FICLONE) into a directory, numbered from 1, with owner, mode and modification time. The kernel copies a file's content as of one moment; where it was
 * written just then, so that its times could be those of another content, it is copied again.
 * @param directory a name that stays with the open directory
 */
export function createReflinkCopier(directory: string): (live: BytePath, followed: boolean) => string | null {
  const times = createTimeSetter()
  let count = 0

  function copy(fd: number, to: string): boolean {
    const before = fstatSync(fd, { bigint: true })
    if (!before.isFile()) return false
    copyFileSync(`/proc/self/fd/${fd}`, to, constants.COPYFILE_FICLONE_FORCE | constants.COPYFILE_EXCL)
    chownSync(to, Number(before.uid), Number(before.gid))
    // After the owner: changing that takes the bits of set-user-id away.
    chmodSync(to, Number(before.mode & permissionBits))
    times.setByPath(to, before.mtimeNs)
    return isSame(before, fstatSync(fd, { bigint: true })) && looksLike(before, lstatSync(to, { bigint: true }))
  }

  return (live, followed) => {
    let fd: number
    try {
      fd = openSync(fsPath(live), constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOCTTY | (followed ? 0 : constants.O_NOFOLLOW))
    } catch {
      return null // unreadable or gone: the live read tells which
    }
    try {
      const name = String(++count)
      for (let attempt = 0; attempt < attempts; attempt++) {
        try {
          if (copy(fd, `${directory}/${name}`)) return name
        } catch {
          // no reflinks between these two files, no space, no right to give it its owner: read live
        }
        removeCopy(`${directory}/${name}`)
      }
      return null
    } finally {
      closeSync(fd)
    }
  }
}

function isSame(before: BigIntStats, after: BigIntStats): boolean {
  return before.ctimeNs === after.ctimeNs && before.mtimeNs === after.mtimeNs && before.size === after.size
}

/** Everything an entry says of a file must be true of its copy. */
function looksLike(file: BigIntStats, copy: BigIntStats): boolean {
  return copy.size === file.size && copy.mode === file.mode && copy.uid === file.uid && copy.gid === file.gid && copy.mtimeNs === file.mtimeNs
}

function removeCopy(path: string): void {
  try {
    unlinkSync(path)
  } catch {
    // never made
  }
}
