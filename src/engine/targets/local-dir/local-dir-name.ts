import { randomBytes } from 'node:crypto'
import { lstat } from 'node:fs/promises'
import { join } from 'node:path'
import { BastionError } from '../../../core/errors.ts'
import { hasErrno } from './local-dir-error.ts'

/** What an object is called while it is written: `.<name>.<16 hex>.tmp`, in the directory it will stand in. */
const temporaryName = /^\..*\.[0-9a-f]{16}\.tmp$/s

/** Whether a file of this name is an object on its way in, or the rest of one whose writer died. Never an object. */
export function isTemporaryName(name: string): boolean {
  return temporaryName.test(name)
}

/** A name nobody else has, as near to `name` as the 255 bytes of a file name allow. */
export function newTemporaryName(name: string): string {
  let kept = ''
  for (const character of name) {
    if (Buffer.byteLength(kept) + Buffer.byteLength(character) > 200) break
    kept += character
  }
  return `.${kept}.${randomBytes(8).toString('hex')}.tmp`
}

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
  return new BastionError('target_rejected', `"${segments.join('/')}" in ${root} is a symbolic link; below its root a target follows none.`)
}
