import { closeSync, constants, mkdirSync, openSync, statfsSync } from 'node:fs'
import { dirname, join, relative, resolve } from 'node:path'
import { BastionError } from '../core/errors.ts'
import { createDestination } from '../engine/restoring/destination.ts'
import { toBytePath } from '../lib/byte-path.ts'

/** A directory of this node that is restored into, held open: whoever puts a link in its place meanwhile leads nobody elsewhere. */
export interface RestoreDirectory extends Disposable {
  /** as it is named to people */
  readonly path: string
  /** as it is reached, by its handle; null where it is not there, and was not to be made */
  readonly at: string | null
  /** on its filesystem, for this process */
  readonly freeBytes: number
}

export interface RestoreDirectoryOptions {
  /** absolute paths: the node's restore roots, at least one */
  roots: readonly string[]
  /** absolute; absent: `name` in the first root */
  path?: string | undefined
  name: string
  make: boolean
}

/**
 * Opens a directory below a restore root. The way down from the root follows no link: what an artifact has brought leads nowhere else.
 * @throws not_allowed beyond the roots, and where a link or a file is on the way · restore_failed
 */
export function openRestoreDirectory(options: RestoreDirectoryOptions): RestoreDirectory {
  const { roots, name, make } = options
  const path = options.path ?? join(roots[0]!, name)
  if (!path.startsWith('/') || path.includes('\0')) throw new BastionError('invalid_spec', 'a directory is named by its absolute path')
  const wanted = resolve(path)
  const root = roots.find((each) => wanted === resolve(each) || wanted.startsWith(withSlash(resolve(each))))
  if (root === undefined) {
    throw new BastionError('not_allowed', `${wanted} is not below a directory this node restores into (${roots.join(', ')})`, {
      hint: 'The node is started with the directories that may be restored into, by --restore-root.',
    })
  }
  const below = toBytePath(relative(resolve(root), wanted))
  try {
    if (make) mkdirSync(root, { recursive: true, mode: 0o700 })
    const rootFd = openRoot(root)
    if (rootFd === null) return nothingThere(wanted, freeBytesAt(nearest(root)))
    const destination = createDestination(rootFd)
    const close = () => {
      destination[Symbol.dispose]()
      closeSync(rootFd)
    }
    try {
      // The parent of any name in it is the directory itself.
      const directory = below === '' ? { fd: rootFd } : make ? destination.parentOf(`${below}/name`).directory : destination.open(below)
      const at = `/proc/self/fd/${directory.fd}`
      return { path: wanted, at, freeBytes: freeBytesAt(at), [Symbol.dispose]: close }
    } catch (error) {
      const freeBytes = freeBytesAt(`/proc/self/fd/${rootFd}`)
      close()
      if (!make && (error as NodeJS.ErrnoException).code === 'ENOENT') return nothingThere(wanted, freeBytes)
      throw error
    }
  } catch (error) {
    if (error instanceof BastionError) throw error
    const { code, message } = error as NodeJS.ErrnoException
    if (code === 'ENOTDIR' || code === 'ELOOP')
      throw new BastionError('not_allowed', `${wanted}: a link, or something that is no directory, is on the way`, { cause: error })
    throw new BastionError('restore_failed', `the destination ${wanted} cannot be used: ${message}`, { cause: error })
  }
}

function nothingThere(path: string, freeBytes: number): RestoreDirectory {
  return { path, at: null, freeBytes, [Symbol.dispose]() {} }
}

/** The root itself is the node's own configuration, and may be a link. */
function openRoot(root: string): number | null {
  try {
    return openSync(root, constants.O_RDONLY | constants.O_DIRECTORY)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null
    throw error
  }
}

function nearest(path: string): string {
  for (let at = path; ; at = dirname(at)) {
    const fd = openRoot(at)
    if (fd === null) continue
    closeSync(fd)
    return at
  }
}

function freeBytesAt(path: string): number {
  const { bavail, bsize } = statfsSync(path)
  return bavail * bsize
}

function withSlash(path: string): string {
  return path === '/' ? '/' : `${path}/`
}
