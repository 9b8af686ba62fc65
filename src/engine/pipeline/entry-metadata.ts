import type { UserNames } from '../../lib/user-names.ts'
import type { TarMember } from '../formats/archive-v1/tar-header.ts'
import type { EntryFields } from '../formats/entry-line.ts'
import type { InodeFacts, PackItem } from './pack-protocol.ts'

/** A file on its way into the archive: what its tar header says first and its index line at the end. */
export interface FileFields extends EntryFields {
  kind: 'file'
  sizeBytes: number
  sparse?: NonNullable<TarMember['sparse']>
}

/** @param sizeBytes what is stored of it, as its header promises */
export function fileFields(item: PackItem, stat: InodeFacts, sizeBytes: number, names: UserNames): FileFields {
  const { mode, uid, gid, mtimeNs } = stat
  const { path, supersedes } = item
  return { path, kind: 'file', sizeBytes, mode, uid, gid, user: names.user(uid), group: names.group(gid), mtimeNs, supersedes }
}

/** What a tar header and an index line say of an entry beside its name and content. */
export function metadataOf(
  { mode, uid, gid, mtimeNs }: InodeFacts,
  names: UserNames,
): Pick<EntryFields, 'mode' | 'uid' | 'gid' | 'user' | 'group' | 'mtimeNs'> {
  return { mode, uid, gid, user: names.user(uid), group: names.group(gid), mtimeNs }
}
