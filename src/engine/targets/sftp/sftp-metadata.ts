import type { TreeMetadata } from '../target.ts'
import type { NewAttributes, SftpAttributes } from './sftp-requests.ts'
import { hasStatus, sftpStatus } from './sftp-status.ts'

/** Gives something attributes by one request. */
export type SetAttributes = (attributes: NewAttributes) => Promise<void>

/** What of an entry's metadata SFTP version 3 has: owner where the account may give files away, mode, time in seconds. */
export interface SftpMetadata {
  /** The account keeps its right to read files, and all rights to directories. What the server does not keep is passed over: the index has it. */
  give(set: SetAttributes, kind: SftpAttributes['kind'], metadata: TreeMetadata): Promise<void>
}

const unkeepable = [sftpStatus.failure, sftpStatus.permissionDenied, sftpStatus.badMessage, sftpStatus.unsupported]

const ownerBits = 0o6000
/** Whoever the account is, it has to read the tree again, and to remove it. */
const readableFile = 0o400
const openDirectory = 0o700
const secondNs = 1_000_000_000n
const maxSeconds = 0xffff_ffffn

export function createSftpMetadata(): SftpMetadata {
  let mayGiveAway = true

  return {
    async give(set, kind, metadata) {
      const owner: NewAttributes = { uid: metadata.uid, gid: metadata.gid }
      const rest = (isOwned: boolean): NewAttributes => ({ ...modeOf(kind, metadata.mode, isOwned), ...timesOf(metadata.mtimeNs) })
      // Changing the owner takes away the bits that lend its rights: with these it is done first, by itself.
      const takesOne = (metadata.mode & ownerBits) === 0 || kind === 'link'
      if (mayGiveAway && takesOne && (await isKept(set({ ...owner, ...rest(true) })))) return
      const isOwned = mayGiveAway && (await isKept(set(owner)))
      // Not every server that lets an account do it has a way to say it of a link.
      if (kind !== 'link') mayGiveAway = isOwned
      await isKept(set(rest(isOwned)))
    },
  }
}

function modeOf(kind: SftpAttributes['kind'], mode: number, isOwned: boolean): NewAttributes {
  if (kind === 'link') return {}
  const bits = mode & (isOwned ? 0o7777 : 0o7777 & ~ownerBits)
  return { mode: bits | (kind === 'directory' ? openDirectory : readableFile) }
}

function timesOf(mtimeNs: bigint): NewAttributes {
  const seconds = mtimeNs / secondNs
  return mtimeNs >= 0n && seconds <= maxSeconds ? { mtime: Number(seconds), atime: Number(seconds) } : {}
}

async function isKept(request: Promise<void>): Promise<boolean> {
  try {
    await request
    return true
  } catch (error) {
    if (hasStatus(error, ...unkeepable)) return false
    throw error
  }
}
