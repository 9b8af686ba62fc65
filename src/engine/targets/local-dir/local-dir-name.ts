import { lstat } from 'node:fs/promises'
import { join } from 'node:path'
import { BastionError } from '../../../core/errors.ts'
import { hasErrno } from './local-dir-error.ts'

/**
 * The path of an object or directory. Below the root no symbolic link is followed: one that was planted would lead out of it, and "not found"
 * through one would be believed.
 * @throws target_rejected when a directory on the way to it is a symbolic link
 */
export async function pathInside(root: string, segments: readonly string[]): Promise<string> {
  const ancestors = segments.slice(0, -1).map((_, i) => segments.slice(0, i + 1))
  await Promise.all(ancestors.map((ancestor) => refuseLink(root, ancestor)))
  return join(root, ...segments)
}

/** @throws target_rejected when a symbolic link stands there */
export async function refuseLink(root: string, segments: readonly string[]): Promise<void> {
  try {
    if ((await lstat(join(root, ...segments))).isSymbolicLink()) throw linkError(root, segments)
  } catch (error) {
    if (!hasErrno(error, 'ENOENT', 'ENOTDIR')) throw error
  }
}

export function linkError(root: string, segments: readonly string[]): BastionError {
  return new BastionError('target_rejected', `"${segments.join('/')}" in ${root} is a symbolic link; below its root a target follows none.`, {
    details: { link: true },
  })
}
