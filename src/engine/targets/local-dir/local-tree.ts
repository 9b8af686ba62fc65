import {
  closeSync,
  constants,
  fchmodSync,
  fchownSync,
  fstatSync,
  lchownSync,
  linkSync,
  lstatSync,
  mkdirSync,
  openSync,
  renameSync,
  symlinkSync,
  unlinkSync,
} from 'node:fs'
import { type BytePath, fsPath, pathText } from '../../../lib/byte-path.ts'
import { createDirectoryCalls } from '../../../lib/posix-at.ts'
import { createTimeSetter } from '../../../lib/posix-times.ts'
import { createXattrs } from '../../../lib/posix-xattr.ts'
import { createDestination, type DirectoryHandle, type MadeFile, madeIn, permissionBits, splitPath } from '../../restoring/destination.ts'
import type { TreeMetadata } from '../target.ts'
import { newTemporaryName } from '../temporary-name.ts'
import { hasErrno, localDirError } from './local-dir-error.ts'

/** A file of the tree that is being filled. */
export interface TreeFile {
  /** open to be written and read */
  readonly fd: number
  /** Gives it its metadata, and its name where it is to replace another one. */
  settle(metadata: TreeMetadata): void
  /** Leaves nothing of it. */
  drop(): void
}

/**
 * A tree of real files below an open directory, by plain calls that a thread can make: no name leads out of it, not even through a link. What a filesystem cannot hold
 * (a name that is taken, too long or not allowed; links on FAT) is answered by `null` or `false`, and nothing is there then.
 * Nothing is durable before the target's `flush`.
 * @throws BastionError target_… for what goes wrong otherwise
 */
export interface LocalTree extends Disposable {
  createFile(path: BytePath, mode: number): TreeFile | null
  /** What it replaces is seen until it is settled. */
  replaceFile(path: BytePath): TreeFile
  /** 0700 until it is described; true also when it is there. */
  makeDirectory(path: BytePath): boolean
  makeSymlink(path: BytePath, to: BytePath): boolean
  /** @param replaces whether a name that is taken is given up for it */
  makeLink(path: BytePath, existing: BytePath, replaces: boolean): boolean
  /** Of a directory, a file or a link. @returns whether it is there */
  describe(path: BytePath, metadata: TreeMetadata): boolean
}

const ownerBits = 0o6000

/** What a filesystem says of a name it cannot give, or of a way to it that is none. */
const unnameable = ['EEXIST', 'ENOTDIR', 'ELOOP', 'EISDIR', 'ENAMETOOLONG', 'EINVAL', 'EILSEQ'] as const
/** What it says of links it does not have, or has no more of. */
const unlinkable = [...unnameable, 'EPERM', 'EMLINK', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS'] as const
/** Metadata it cannot keep: the index has it. */
const unkeepable = ['EPERM', 'EINVAL', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS', 'EOVERFLOW', 'ERANGE', 'E2BIG'] as const

/**
 * @param rootFd an open handle of the tree's directory; it is not closed here, threads share it
 * @param label how messages name that directory
 */
export function createLocalTree(rootFd: number, label: string): LocalTree {
  const places = createDestination(rootFd)
  const times = createTimeSetter()
  const xattrs = createXattrs()
  const owners = process.getuid?.() === 0
  const calls = createDirectoryCalls()
  function explained(path: BytePath, error: unknown): unknown {
    return localDirError(error, `Cannot store "${pathText(path).text}" in ${label}`)
  }

  function attempt<T, Otherwise>(path: BytePath, otherwise: Otherwise, codes: readonly string[], action: () => T): T | Otherwise {
    try {
      return action()
    } catch (error) {
      if (hasErrno(error, ...codes)) return otherwise
      throw explained(path, error)
    }
  }

  function keep(action: () => void): void {
    try {
      action()
    } catch (error) {
      if (!hasErrno(error, ...unkeepable)) throw error
    }
  }

  /** Without the owner, the bits that lend the owner's rights would lend somebody else's. */
  function modeOf(fd: number, { mode, uid, gid }: TreeMetadata): number {
    if (owners || (mode & ownerBits) === 0) return mode & permissionBits
    const now = fstatSync(fd)
    return now.uid === uid && now.gid === gid ? mode & permissionBits : mode & permissionBits & ~ownerBits
  }

  /** The owner first: changing it takes away the bits that lend its rights. @param made the file as it was made: what is right is not set again */
  function describeHandle(fd: number, metadata: TreeMetadata, made: MadeFile | null): void {
    const attributes = metadata.xattrs ?? []
    if (owners && (made?.uid !== metadata.uid || made.gid !== metadata.gid)) keep(() => fchownSync(fd, metadata.uid, metadata.gid))
    // Attributes are only given to what may be written.
    if (attributes.length > 0) keep(() => fchmodSync(fd, 0o700))
    for (const xattr of attributes) keep(() => xattrs?.write(fd, xattr))
    if (made?.permissions !== (metadata.mode & permissionBits) || attributes.length > 0) keep(() => fchmodSync(fd, modeOf(fd, metadata)))
    keep(() => times.setByHandle(fd, metadata.mtimeNs))
  }

  function describeLink(path: string | Buffer, { uid, gid, mtimeNs, xattrs: ofLink = [] }: TreeMetadata): void {
    if (owners) keep(() => lchownSync(path, uid, gid))
    for (const xattr of ofLink) keep(() => xattrs?.write(path, xattr))
    keep(() => times.setByPath(path, mtimeNs))
  }

  function treeFile(path: BytePath, fd: number, name: BytePath, made: MadeFile | null, replaces: BytePath | null): TreeFile {
    // A directory's handle may be closed before a long file is whole; its name is then looked up anew.
    const here = (): DirectoryHandle => places.parentOf(path).directory
    return {
      fd,
      settle: (metadata) =>
        attempt(path, undefined, [], () => {
          try {
            describeHandle(fd, metadata, made)
          } finally {
            calls.close(fd)
          }
          if (replaces !== null) renameSync(here().at(name), here().at(replaces))
        }),
      drop: () =>
        attempt(path, undefined, [], () => {
          calls.close(fd)
          unlinkSync(here().at(name))
        }),
    }
  }

  return {
    createFile: (path, mode) =>
      attempt(path, null, unnameable, () => {
        const { directory, name } = places.parentOf(path)
        const created = mode & 0o777
        const fd = calls.create(directory.fd, name, created)
        return treeFile(path, fd, name, madeIn(directory, fd, created), null)
      }),
    replaceFile: (path) =>
      attempt(path, null, [], () => {
        const { directory, name } = places.parentOf(path)
        const temporary = newTemporaryName('tree')
        return treeFile(path, calls.create(directory.fd, temporary, 0o600), temporary, null, name)
      })!,
    makeDirectory: (path) =>
      attempt(path, false, unnameable, () => {
        const { directory, name } = places.parentOf(path)
        try {
          mkdirSync(directory.at(name), 0o700)
          return true
        } catch (error) {
          if (!hasErrno(error, 'EEXIST')) throw error
          return lstatSync(directory.at(name)).isDirectory()
        }
      }),
    makeSymlink: (path, to) =>
      attempt(path, false, unlinkable, () => {
        const { directory, name } = places.parentOf(path)
        symlinkSync(fsPath(to), directory.at(name))
        return true
      }),
    makeLink: (path, existing, replaces) =>
      attempt(path, false, [...unlinkable, 'ENOENT'], () => {
        const from = splitPath(existing)
        // A handle of its own: looking up the other directory may close this one.
        const fromFd = openSync(places.open(from.parent).at('.'), constants.O_RDONLY | constants.O_DIRECTORY)
        try {
          const { directory, name } = places.parentOf(path)
          const made = replaces ? newTemporaryName('tree') : name
          linkSync(fsPath(`/proc/self/fd/${fromFd}/${from.name}`), directory.at(made))
          if (replaces) renameSync(directory.at(made), directory.at(name))
          return true
        } finally {
          closeSync(fromFd)
        }
      }),
    describe: (path, metadata) =>
      attempt(path, false, [...unnameable, 'ENOENT'], () => {
        const { parent, name } = splitPath(path)
        const at = places.open(parent).at(name)
        if (lstatSync(at).isSymbolicLink()) {
          describeLink(at, metadata)
          return true
        }
        const fd = openSync(at, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK)
        try {
          describeHandle(fd, metadata, null)
        } finally {
          closeSync(fd)
        }
        return true
      }),
    [Symbol.dispose]: () => places[Symbol.dispose](),
  }
}
