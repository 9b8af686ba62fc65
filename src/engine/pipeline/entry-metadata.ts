import type { SparseMap } from '../formats/archive-v1/sparse-map.ts'
import type { TarMember } from '../formats/archive-v1/tar-header.ts'
import type { EntryFields } from '../formats/entry-line.ts'
import type { FileStat } from '../../lib/file-stat.ts'
import type { Xattr } from '../../lib/posix-xattr.ts'
import type { InodeFacts, PackItem } from './pack-protocol.ts'
import type { SourceTools } from './source-tools.ts'

/** A file on its way into the archive: what its tar header says first and its index line at the end. */
export interface FileFields extends EntryFields {
  kind: 'file'
  /** with its holes */
  sizeBytes: number
  sparse?: NonNullable<TarMember['sparse']>
}

/** @param sizeBytes what is stored of it, holes included */
export function fileFields(item: PackItem, stat: InodeFacts, sizeBytes: number, { names }: SourceTools): FileFields {
  const { mode, uid, gid, mtimeNs } = item.inode ?? stat
  const { path, supersedes } = item
  return { path, kind: 'file', sizeBytes, mode, uid, gid, user: names.user(uid), group: names.group(gid), mtimeNs, xattrs: undefined, supersedes }
}

/** What a tar header and an index line say of an entry beside its name and content. */
export function metadataOf(
  { mode, uid, gid, mtimeNs }: InodeFacts,
  { names }: SourceTools,
): Pick<EntryFields, 'mode' | 'uid' | 'gid' | 'user' | 'group' | 'mtimeNs'> {
  return { mode, uid, gid, user: names.user(uid), group: names.group(gid), mtimeNs }
}

/** More than ext4, XFS and Btrfs let most files have, and well below what a tar header and an index line can hold in base64. */
const maxXattrBytes = 512 * 1024

/**
 * The extended attributes of an entry, as far as they can be read and stored; `problem` says what is missing.
 * @param of an open file, or the path of anything
 */
export function readXattrs(
  { xattrs }: SourceTools,
  of: number | string | Buffer,
  item?: PackItem,
): { xattrs?: Xattr[]; problem?: { code: string; message: string } } {
  if (item?.inode?.xattrs !== undefined) return { xattrs: item.inode.xattrs }
  if (xattrs === null) return {}
  try {
    const all = xattrs.read(of)
    if (all.length === 0) return {}
    let bytes = 0
    const kept = all.filter(([name, value]) => !name.includes('\ufffd') && (bytes += name.length + value.length) <= maxXattrBytes)
    if (kept.length === all.length) return { xattrs: all }
    return { xattrs: kept, problem: { code: 'E2BIG', message: 'E2BIG: more extended attributes than can be stored' } }
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException
    if (code === undefined) throw error
    return { problem: { code, message: `${message.split(',')[0] ?? code} (extended attributes)` } }
  }
}

/** Less is stored as the zeros it reads as. */
const leastHoleBytes = 4096
/** Their map takes at most half a frame. */
const maxSegments = 65_536

/** Where a file has data; `null` for one without holes. @throws the system's error */
export function findData({ holes }: SourceTools, fd: number, stat: FileStat): SparseMap | null {
  if (holes === null || stat.allocatedBytes + leastHoleBytes > stat.size) return null
  return holes.find(fd, stat.size, maxSegments)
}

export function dataBytesOf(map: SparseMap): number {
  return map.reduce((sum, [, length]) => sum + length, 0)
}

/** The member whose header goes before the data of the file. */
export function memberOf(fields: FileFields): TarMember {
  return fields.sparse === undefined ? fields : { ...fields, sizeBytes: dataBytesOf(fields.sparse.map) }
}
