import { BastionError } from '../../../core/errors.ts'
import type { SftpAttributes } from './sftp-requests.ts'
import type { SftpSession } from './sftp-session.ts'

/** The folder that is the target. */
export interface SftpRoot {
  /** as the server takes it, without a slash at its end; `''` is the server's own root */
  readonly path: string
  /** how messages name it */
  readonly label: string
}

export function pathOf(root: SftpRoot, segments: readonly string[]): string {
  return segments.length === 0 ? root.path || '/' : `${root.path}/${segments.join('/')}`
}

/** The path of an entry of a directory. */
export function entryPath(directory: string, name: string): string {
  return directory === '/' ? `/${name}` : `${directory}/${name}`
}

/**
 * What stands at a key, or `undefined`. All on the way is looked at together, which costs one round trip. A symbolic link on the way would lead out
 * of the target, and "not found" through one would be believed; the root itself may be one.
 * @throws target_rejected when a directory on the way is a symbolic link
 */
export async function lookAt(session: SftpSession, root: SftpRoot, segments: readonly string[]): Promise<SftpAttributes | undefined> {
  if (segments.length === 0) return await session.stat(pathOf(root, []))
  const way = segments.map((_, i) => segments.slice(0, i + 1))
  const looks = await Promise.allSettled(way.map((step) => session.lstat(pathOf(root, step))))
  for (const [i, look] of looks.entries()) {
    if (look.status === 'rejected') throw look.reason as Error
    const found = look.value
    if (i === looks.length - 1 || found === undefined) return found
    if (found.kind === 'link') throw linkError(root, way[i]!)
    // Below a file there is nothing.
    if (found.kind !== 'directory') return undefined
  }
  return undefined
}

export function linkError(root: SftpRoot, segments: readonly string[]): BastionError {
  return new BastionError('target_rejected', `"${segments.join('/')}" in ${root.label} is a symbolic link; below its root a target follows none.`, {
    details: { link: true },
  })
}
