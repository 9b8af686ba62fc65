import { hasCode } from '../../../core/errors.ts'
import { pathText } from '../../../lib/byte-path.ts'
import { keySegments } from '../target-key.ts'
import type { TargetTree } from '../target.ts'
import { isTemporaryName, newTemporaryName } from '../temporary-name.ts'
import type { SftpDirectories } from './sftp-directories.ts'
import type { SftpMetadata } from './sftp-metadata.ts'
import { entryPath, lookAt, pathOf, type SftpRoot } from './sftp-path.ts'
import type { NewAttributes } from './sftp-requests.ts'
import type { SftpSession } from './sftp-session.ts'
import { hasStatus, SftpStatusError, sftpStatus } from './sftp-status.ts'
import { explainFailure } from './store-object.ts'

/** Runs with a session; errors become those of the target. */
export type Attempt = <T>(verb: string, key: string, signal: undefined, work: (session: SftpSession) => Promise<T>) => Promise<T>

/** What a server says of what it cannot make, other than that it is full, read-only or gone. */
const unmakeable = [sftpStatus.failure, sftpStatus.permissionDenied, sftpStatus.badMessage, sftpStatus.unsupported, sftpStatus.fileAlreadyExists]
/** The server takes the two names of a link as the protocol has them, or the other way round; `null`: it makes none. */
type LinkOrder = 'standard' | 'reversed' | null

/**
 * The {@link TargetTree} of a folder on a server: directories, symbolic links, hard links where the server has OpenSSH's extension, and of the metadata what SFTP version 3 has.
 */
export function createSftpTree(
  root: SftpRoot,
  { directories, given, attempt }: { directories: SftpDirectories; given: SftpMetadata; attempt: Attempt },
): TargetTree {
  let linkOrder: Promise<LinkOrder> | undefined

  /** False for what the server refuses because of what it is; a full or read-only disk is told. */
  async function orFalse(session: SftpSession, work: () => Promise<boolean>): Promise<boolean> {
    try {
      return await work()
    } catch (error) {
      // A file or a link stands on the way.
      if (hasCode(error, 'target_rejected')) return false
      const explained = await explainFailure(session, pathOf(root, []), error)
      if (hasStatus(explained, ...unmakeable)) return false
      throw explained
    }
  }

  /** OpenSSH has the names of a link in the other order than everybody else, and some follow it: in the wrong order a link would be made anywhere. Tried once, where it does no harm. */
  async function orderOf(session: SftpSession, directory: string): Promise<LinkOrder> {
    const [from, to] = [1, 2].map(() => entryPath(directory, newTemporaryName('link'))) as [string, string]
    try {
      await session.symlink(to, from)
    } catch (error) {
      if (error instanceof SftpStatusError) return null
      throw error
    }
    for (const [made, order] of [
      [from, 'standard'],
      [to, 'reversed'],
    ] as const) {
      if ((await session.lstat(made))?.kind !== 'link') continue
      await session.remove(made)
      return order
    }
    return null
  }

  async function makeSymlink(session: SftpSession, segments: readonly string[], to: string): Promise<boolean> {
    const directory = await directories.make(segments.slice(0, -1))
    linkOrder ??= orderOf(session, directory)
    linkOrder.catch(() => (linkOrder = undefined))
    const order = await linkOrder
    const path = pathOf(root, segments)
    if (order === null || (await session.lstat(path)) !== undefined) return false
    await (order === 'standard' ? session.symlink(to, path) : session.symlink(path, to))
    await directories.sync(directory)
    return true
  }

  async function makeLink(session: SftpSession, segments: readonly string[], existing: readonly string[]): Promise<boolean> {
    const directory = await directories.make(segments.slice(0, -1))
    if ((await lookAt(session, root, existing))?.kind !== 'file') return false
    await session.hardlink(pathOf(root, existing), pathOf(root, segments))
    await directories.sync(directory)
    return true
  }

  return {
    async makeDirectory(key) {
      const segments = keySegments(key)
      return await attempt('make', key, undefined, (session) =>
        orFalse(session, async () => {
          await directories.make(segments)
          return true
        }),
      )
    },

    async symlink(key, to) {
      const segments = keySegments(key)
      const { text, b64 } = pathText(to)
      // Both names are sent as UTF-8.
      if (b64 !== undefined || isTemporaryName(segments.at(-1)!)) return false
      return await attempt('make', key, undefined, (session) => orFalse(session, () => makeSymlink(session, segments, text)))
    },

    async link(key, existing) {
      const segments = keySegments(key)
      const from = keySegments(existing)
      if (isTemporaryName(segments.at(-1)!)) return false
      return await attempt('make', key, undefined, (session) => orFalse(session, () => makeLink(session, segments, from)))
    },

    async setMetadata(key, metadata) {
      const segments = keySegments(key)
      return await attempt('describe', key, undefined, async (session) => {
        try {
          const found = await lookAt(session, root, segments)
          if (found === undefined) return false
          const path = pathOf(root, segments)
          // A link is never followed: only what was seen to be none is described by its path.
          const set = (attributes: NewAttributes) => (found.kind === 'link' ? session.lsetstat(path, attributes) : session.setstat(path, attributes))
          await given.give(set, found.kind, metadata)
          return true
        } catch (error) {
          if (hasStatus(error, sftpStatus.noSuchFile) || hasCode(error, 'target_rejected')) return false
          throw error
        }
      })
    },
  }
}
