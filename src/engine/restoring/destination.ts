import { closeSync, constants, fstatSync, lstatSync, mkdirSync, openSync, type Stats } from 'node:fs'
import { BastionError } from '../../core/errors.ts'
import { type BytePath, fsPath } from '../../lib/byte-path.ts'

/** A directory below the destination, held open: names in it are reached through the handle, so no link put in the way can lead elsewhere. */
export interface DirectoryHandle {
  readonly fd: number
  /** What files are that are made in it with some permission bits: their owner, and the bits that were given. */
  readonly makes: Map<number, MadeFile>
  /** The path of `name` in this directory, for the functions of `node:fs`. */
  at(name: BytePath): string | Buffer
}

/** Of a file as it is made, before anything is done to it: a directory can give its group, and a default ACL. */
export interface MadeFile {
  uid: number
  gid: number
  permissions: number
}

/** Where an entry goes: the directory of its parent and its own name. */
export interface Place {
  directory: DirectoryHandle
  name: BytePath
}

/**
 * The tree restored into. Every step down opens one directory and refuses a link, whoever made it. Linux reaches names relative to an open directory through
 * `/proc/self/fd`, as `openat(2)` would.
 */
export interface Destination extends Disposable {
  /** Directories that are missing on the way are made (0700 & umask until their own metadata comes). */
  parentOf(path: BytePath): Place
  /** An existing directory below the root. @throws the system's error: ENOTDIR or ELOOP when something else is there */
  open(path: BytePath): DirectoryHandle
  /** What is at `path`, itself when it is a link; undefined when nothing is. */
  lookAt(path: BytePath): Stats | undefined
}

/** Of a mode, all that chmod(2) sets. */
export const permissionBits = 0o7777
const directoryFlags = constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW
const maxOpen = 48

/** @param rootFd an open handle of the destination; it is not closed here, threads share it */
export function createDestination(rootFd: number): Destination {
  const handles = new Map<BytePath, DirectoryHandle>([['', handleOf(rootFd)]])

  function keep(path: BytePath, handle: DirectoryHandle): DirectoryHandle {
    handles.set(path, handle)
    if (handles.size > maxOpen) {
      // The oldest goes; the root stays, and so does what was asked for now.
      for (const [oldest, { fd }] of handles) {
        if (oldest === '' || oldest === path) continue
        closeSync(fd)
        handles.delete(oldest)
        break
      }
    }
    return handle
  }

  function open(path: BytePath, make = false): DirectoryHandle {
    // From the nearest one that is open downwards, each kept on the way: a tree can be deeper than a stack.
    let nearest = path
    while (!handles.has(nearest)) nearest = splitPath(nearest).parent
    let handle = handles.get(nearest)!
    if (nearest !== '') {
      handles.delete(nearest)
      handles.set(nearest, handle)
    }
    for (let above = nearest; above !== path;) {
      const end = path.indexOf('/', above === '' ? 0 : above.length + 1)
      const below = end === -1 ? path : path.slice(0, end)
      handle = keep(below, step(handle.at(splitPath(below).name), make))
      above = below
    }
    return handle
  }

  function step(at: string | Buffer, make: boolean): DirectoryHandle {
    try {
      return handleOf(openSync(at, directoryFlags))
    } catch (error) {
      if (!make || (error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
      try {
        mkdirSync(at, 0o777)
      } catch (failed) {
        if ((failed as NodeJS.ErrnoException).code !== 'EEXIST') throw failed // another thread was first
      }
      return handleOf(openSync(at, directoryFlags))
    }
  }

  return {
    parentOf(path) {
      const { parent, name } = splitPath(path)
      return { directory: open(parent, true), name }
    },
    open: (path) => open(path),
    lookAt(path) {
      const { parent, name } = splitPath(path)
      try {
        return lstatSync(open(parent).at(name), { throwIfNoEntry: false })
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
        throw error
      }
    },
    [Symbol.dispose]() {
      for (const [path, { fd }] of handles) if (path !== '') closeSync(fd)
      handles.clear()
    },
  }
}

function handleOf(fd: number): DirectoryHandle {
  const base = `/proc/self/fd/${fd}/`
  return { fd, makes: new Map(), at: (name) => fsPath(base + name) }
}

/** What files are that are made there with these permission bits, told by the first of them. @param fd of one that was just made so */
export function madeIn({ makes }: DirectoryHandle, fd: number, mode: number): MadeFile {
  const known = makes.get(mode)
  if (known !== undefined) return known
  const { uid, gid, mode: given } = fstatSync(fd)
  const made = { uid, gid, permissions: given & permissionBits }
  makes.set(mode, made)
  return made
}

/** @throws artifact_damaged for a path that could lead out of the destination; index and tar are checked before, this is the last door */
export function splitPath(path: BytePath): { parent: BytePath; name: BytePath } {
  const slash = path.lastIndexOf('/')
  const name = path.slice(slash + 1)
  if (name === '' || name === '.' || name === '..' || name.includes('\0'))
    throw new BastionError('artifact_damaged', 'an entry has a path that cannot be restored')
  return { parent: slash < 0 ? '' : path.slice(0, slash), name }
}
