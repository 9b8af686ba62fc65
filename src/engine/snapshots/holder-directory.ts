import { accessSync, closeSync, constants, fchmodSync, fstatSync, lstatSync, mkdirSync, openSync, rmdirSync } from 'node:fs'
import { type BytePath, fsPath, pathText } from '../../lib/byte-path.ts'
import type { Refusal } from './snapshot-provider.ts'

/** Snapshots stand in the run's own directory when that is on their filesystem, under this name … */
export const runSnapshotsName = 'source_snapshot'
/** … and else in the unit: they cannot leave it. */
const unitSnapshotsName = '.bastion-snapshots'

/** A directory held open: what is named through `at` is in it, whatever becomes of its own name. */
export interface HeldDirectory extends Disposable {
  readonly fd: number
  at(name: string): string
}

/**
 * The directory that snapshots of a unit go to. Nothing is made yet.
 * @param options.unitRoots the unit's root and what is above it on the same filesystem, nearest first
 * @param options.isSameFilesystem whether a directory is on the filesystem of the unit
 */
export function chooseHolder(options: {
  workDirectory: BytePath
  unitRoots: readonly BytePath[]
  isSameFilesystem: (directory: BytePath) => boolean
}): BytePath | Refusal {
  const candidates = [
    ...(options.isSameFilesystem(options.workDirectory) ? [[options.workDirectory, runSnapshotsName] as const] : []),
    ...options.unitRoots.map((root) => [root, unitSnapshotsName] as const),
  ]
  let why = ''
  for (const [parent, name] of candidates) {
    try {
      accessSync(fsPath(parent), constants.W_OK | constants.X_OK)
      return `${parent === '/' ? '' : parent}/${name}`
    } catch (error) {
      why ||= `${pathText(parent).text}: ${(error as NodeJS.ErrnoException).code === 'EROFS' ? 'mounted read-only' : 'not writable'}`
    }
  }
  return {
    reason: `a snapshot stands on its own filesystem, and nothing can be written there (${why})`,
    hint: 'Mount the filesystem writable, or put --data-dir on it.',
  }
}

/** Opens a directory and no link to one. @throws the system's error */
export function holdDirectory(path: BytePath | Buffer): HeldDirectory {
  const fd = openSync(typeof path === 'string' ? fsPath(path) : path, constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW)
  return { fd, at: (name) => `/proc/self/fd/${fd}/${name}`, [Symbol.dispose]: () => closeSync(fd) }
}

/** Opens the holder, made when it is not there. It must be ours alone: who can write in it decides what is removed there. */
export function openHolder(path: BytePath): HeldDirectory | Refusal {
  try {
    mkdirSync(fsPath(path), { mode: 0o700 })
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') return { reason: `${pathText(path).text} cannot be made: ${(error as Error).message}` }
  }
  const refusal = (why: string): Refusal => ({
    reason: `${pathText(path).text} ${why}`,
    hint: 'Move it away: snapshots of Bastion stand there, in a directory of its own.',
  })
  let held: HeldDirectory
  try {
    held = holdDirectory(path)
  } catch (error) {
    return refusal(`cannot be opened as a directory (${(error as NodeJS.ErrnoException).code ?? 'unknown'})`)
  }
  const { uid, mode } = fstatSync(held.fd)
  if (uid === process.geteuid?.()) {
    if ((mode & 0o077) !== 0) fchmodSync(held.fd, 0o700)
    return held
  }
  held[Symbol.dispose]()
  return refusal('belongs to somebody else')
}

/** As {@link openHolder}; `null` when it is not there, and then it is not made. */
export function findHolder(path: BytePath): HeldDirectory | Refusal | null {
  return lstatSync(fsPath(path), { throwIfNoEntry: false }) === undefined ? null : openHolder(path)
}

/** Away with it when it is empty; another run's snapshots keep it. */
export function removeEmptyHolder(path: BytePath): void {
  try {
    rmdirSync(fsPath(path))
  } catch {
    // in use, or gone: nothing that is left unsaid by keeping it
  }
}
