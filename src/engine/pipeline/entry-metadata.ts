import type { BigIntStats } from 'node:fs'
import type { UserNames } from '../../lib/user-names.ts'
import type { InodeFacts } from './pack-protocol.ts'

/** What a tar header and an index line say of an entry beside its name and content. */
export interface EntryMetadata {
  uid: number
  gid: number
  user?: string
  group?: string
  mtimeNs: bigint
}

export function metadataOf(stats: InodeFacts, names: UserNames): EntryMetadata {
  const metadata: EntryMetadata = { uid: Number(stats.uid), gid: Number(stats.gid), mtimeNs: stats.mtimeNs }
  const user = names.user(metadata.uid)
  const group = names.group(metadata.gid)
  if (user !== undefined) metadata.user = user
  if (group !== undefined) metadata.group = group
  return metadata
}

export const permissionBits = 0o7777

/** Device numbers as Linux packs them (`makedev(3)`). */
export function deviceOf(stats: BigIntStats): { type: 'block' | 'char'; major: number; minor: number } {
  const { rdev } = stats
  return {
    type: stats.isBlockDevice() ? 'block' : 'char',
    major: Number(((rdev >> 8n) & 0xfffn) | ((rdev >> 32n) & 0xfffff000n)),
    minor: Number((rdev & 0xffn) | ((rdev >> 12n) & 0xffffff00n)),
  }
}
