import { lstat, mkdir, stat } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { BastionError } from '../../../core/errors.ts'
import type { DirectorySync } from './directory-sync.ts'
import { hasErrno } from './local-dir-error.ts'
import { linkError } from './local-dir-name.ts'

export interface DurableDirectories {
  /** Makes the directory, those above it and on first use the root; when it resolves they survive a power cut. Resolves with its path. */
  make(segments: readonly string[]): Promise<string>
  /** The root was seen to hold objects: from now on it must be this very directory. */
  rememberRoot(): Promise<void>
  /** What was known of this directory, those above and those below it may no longer be true. */
  forget(segments: readonly string[]): void
}

/** Directories known to be there; when there are more they are looked at again. */
const knownLimit = 4096

/**
 * Once seen, the root is never made again and never exchanged: when its disk is unmounted, the folder it was mounted on, empty and on another
 * disk, is left alone.
 */
export function createDurableDirectories(root: string, directorySync: DirectorySync): DurableDirectories {
  const known = new Map<string, Promise<void>>()
  let identity: { dev: bigint; ino: bigint } | undefined
  let rootReady: Promise<void> | undefined

  async function rememberRoot(): Promise<void> {
    if (identity !== undefined) return
    const { dev, ino } = await stat(root, { bigint: true })
    identity ??= { dev, ino }
  }

  async function makeRoot(): Promise<void> {
    if (identity === undefined) {
      const firstMade = await mkdir(root, { recursive: true, mode: 0o700 })
      if (firstMade !== undefined) {
        for (let path = root; path.length >= firstMade.length; path = dirname(path)) await directorySync.sync(dirname(path))
      }
    }
    await rememberRoot()
    await requireSameRoot()
  }

  async function requireSameRoot(): Promise<void> {
    const now = await stat(root, { bigint: true }).catch((error: unknown) => {
      if (hasErrno(error, 'ENOENT', 'ENOTDIR')) return undefined
      throw error
    })
    if (now !== undefined && now.dev === identity?.dev && now.ino === identity.ino) return
    throw new BastionError('target_identity', `${root} is no longer the folder it was when this run began to use it.`)
  }

  async function makeOne(segments: readonly string[], path: string): Promise<void> {
    const parent = await make(segments.slice(0, -1))
    await requireSameRoot()
    try {
      await mkdir(path, 0o700)
    } catch (error) {
      if (!hasErrno(error, 'EEXIST')) throw error
      const found = await lstat(path)
      if (found.isSymbolicLink()) throw linkError(root, segments)
      if (!found.isDirectory()) {
        throw new BastionError('target_rejected', `"${segments.join('/')}" in ${root} is not a directory.`)
      }
    }
    // Also when it was there: whoever made it may not have come to this line yet.
    await directorySync.sync(parent)
  }

  function ready(segments: readonly string[], path: string): Promise<void> {
    if (segments.length === 0) {
      rootReady ??= makeRoot().catch((error: unknown) => {
        rootReady = undefined
        throw error
      })
      return rootReady
    }
    const found = known.get(path)
    if (found !== undefined) return found
    if (known.size >= knownLimit) known.clear()
    const making = makeOne(segments, path).catch((error: unknown) => {
      if (known.get(path) === making) known.delete(path)
      throw error
    })
    known.set(path, making)
    return making
  }

  async function make(segments: readonly string[]): Promise<string> {
    const path = join(root, ...segments)
    await ready(segments, path)
    return path
  }

  function forget(segments: readonly string[]): void {
    for (let depth = 1; depth <= segments.length; depth++) known.delete(join(root, ...segments.slice(0, depth)))
    const below = join(root, ...segments) + '/'
    for (const path of known.keys()) if (path.startsWith(below)) known.delete(path)
  }

  return { make, rememberRoot, forget }
}
