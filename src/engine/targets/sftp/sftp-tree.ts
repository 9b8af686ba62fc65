import { hasCode } from '../../../core/errors.ts'
import { pathText } from '../../../lib/byte-path.ts'
import { keySegments } from '../target-key.ts'
import type { TargetTree, TreeMetadata } from '../target.ts'
import { isTemporaryName, newTemporaryName } from '../temporary-name.ts'
import type { SftpDirectories } from './sftp-directories.ts'
import { entryPath, lookAt, pathOf, type SftpRoot } from './sftp-path.ts'
import type { NewAttributes, SftpAttributes } from './sftp-requests.ts'
import type { SftpSession } from './sftp-session.ts'
import { hasStatus, SftpStatusError, sftpStatus } from './sftp-status.ts'
import { explainFailure } from './store-object.ts'

/** Runs with a session; errors become those of the target. */
export type Attempt = <T>(verb: string, key: string, signal: undefined, work: (session: SftpSession) => Promise<T>) => Promise<T>

/** What a server says of what it cannot make, other than that it is full, read-only or gone. */
const unmakeable = [sftpStatus.failure, sftpStatus.permissionDenied, sftpStatus.badMessage, sftpStatus.unsupported, sftpStatus.fileAlreadyExists]
/** What it says of metadata it does not keep: the index has it. */
const unkeepable = [sftpStatus.failure, sftpStatus.permissionDenied, sftpStatus.badMessage, sftpStatus.unsupported]

const ownerBits = 0o6000
/** Whoever the account is, it has to read the tree again, and to remove it. */
const readableFile = 0o400
const openDirectory = 0o700
const secondNs = 1_000_000_000n
const maxSeconds = 0xffff_ffffn

/** The server takes the two names of a link as the protocol has them, or the other way round; `null`: it makes none. */
type LinkOrder = 'standard' | 'reversed' | null

/**
 * The {@link TargetTree} of a folder on a server: directories, symbolic links, hard links where the server has OpenSSH's extension, and of the metadata what SFTP version 3 has
 * (owner where the account may give files away, mode, time in seconds). The account keeps its right to read files, and all rights to directories.
 */
export function createSftpTree(root: SftpRoot, directories: SftpDirectories, attempt: Attempt): TargetTree {
  let linkOrder: Promise<LinkOrder> | undefined
  let mayGiveAway = true

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

  /** @returns whether it was kept */
  async function keep(request: Promise<void>): Promise<boolean> {
    try {
      await request
      return true
    } catch (error) {
      if (hasStatus(error, ...unkeepable)) return false
      throw error
    }
  }

  /** The owner first: changing it takes away the bits that lend its rights. A link is never followed: only what was seen to be none is described by its path. */
  async function describe(session: SftpSession, path: string, kind: SftpAttributes['kind'], metadata: TreeMetadata): Promise<void> {
    const set = (attributes: NewAttributes) => keep(kind === 'link' ? session.lsetstat(path, attributes) : session.setstat(path, attributes))
    const isOwned = mayGiveAway && (await set({ uid: metadata.uid, gid: metadata.gid }))
    // Not every server that lets an account do it has a way to say it of a link.
    if (kind !== 'link') mayGiveAway = isOwned
    const rest: NewAttributes = {}
    if (kind !== 'link') {
      const mode = metadata.mode & (isOwned ? 0o7777 : 0o7777 & ~ownerBits)
      rest.mode = mode | (kind === 'directory' ? openDirectory : readableFile)
    }
    const seconds = metadata.mtimeNs / secondNs
    if (metadata.mtimeNs >= 0n && seconds <= maxSeconds) rest.mtime = rest.atime = Number(seconds)
    await set(rest)
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
          await describe(session, pathOf(root, segments), found.kind, metadata)
          return true
        } catch (error) {
          if (hasStatus(error, sftpStatus.noSuchFile) || hasCode(error, 'target_rejected')) return false
          throw error
        }
      })
    },
  }
}
