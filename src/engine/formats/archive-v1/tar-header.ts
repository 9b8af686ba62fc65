import { isUtf8 } from 'node:buffer'
import { BastionError } from '../../../core/errors.ts'
import { toBytePath } from '../../../lib/byte-path.ts'
import type { BytePath } from '../../../lib/byte-path.ts'
import { putDecimalRecord, putTextRecord, putTimeRecord, putXattrRecord } from './pax-records.ts'
import { encodeSparseMap, sparseMapBound } from './sparse-map.ts'
import type { SparseMap } from './sparse-map.ts'
import { blockBytes, blockChecksum, field, maxPathBytes, maxPaxBytes, putBase256, putOctal, putText, tarPadding } from './tar-fields.ts'

export { encodeSparseMap } from './sparse-map.ts'
export { tarPadding } from './tar-fields.ts'

/** One member of a tar stream, without its data. */
export interface TarMember {
  /** no leading slash, none at the end of a directory either; '' is the root directory */
  path: BytePath
  kind: 'file' | 'dir' | 'symlink' | 'hardlink' | 'fifo' | 'device'
  device?: { type: 'block' | 'char'; major: number; minor: number }
  /** bytes of data that follow in the stream: a file's size, of a sparse file its segments together; 0 for all that is not a file */
  sizeBytes: number
  /** permission bits, with setuid, setgid and sticky; others are not stored */
  mode: number
  uid: number
  gid: number
  user?: string | undefined
  group?: string | undefined
  mtimeNs: bigint
  /** where a symlink points; for a hard link the path of the member it links to */
  linkPath?: BytePath
  xattrs?: ReadonlyArray<readonly [name: string, value: Uint8Array]> | undefined
  sparse?: { map: SparseMap; realSizeBytes: number }
}

const secondNs = 1_000_000_000n
const maxOctal7 = 0o7777777
const maxOctal11 = 0o77777777777
const magic = 'ustar\x0000'
const typeFlags = { file: '0', hardlink: '1', symlink: '2', char: '3', block: '4', dir: '5', fifo: '6' } as const

/** What the extended header is called where no reader sees it; constant, so that it costs nothing compressed. Read only. */
const paxBlock = makePaxBlock()
const paxBlockSum = blockChecksum(paxBlock, 0)

/** An upper bound of what {@link writeTarHeader} writes for `member`, in bytes. */
export function tarHeaderBound(member: TarMember): number {
  // One byte of text becomes at most three; 512 is more than all short records together.
  let paxBytes = 512 + member.path.length + (member.linkPath?.length ?? 0) + 3 * ((member.user?.length ?? 0) + (member.group?.length ?? 0))
  for (const [name, value] of member.xattrs ?? []) paxBytes += 32 + 9 * name.length + value.length
  return 3 * blockBytes + paxBytes + (member.sparse === undefined ? 0 : sparseMapBound(member.sparse.map))
}

/**
 * Writes the header of `member` at `offset`: a ustar header block (POSIX.1-2017), before it a pax extended header with what ustar cannot say, after
 * it the map of a sparse file. The member's data and its {@link tarPadding} are left to the caller. Names that are UTF-8 but not ASCII stand in the
 * extended header and in the block; others that are not ASCII go raw into the block where they fit, because libarchive complains of them in a `path`
 * record, and raw into the record where they do not.
 *
 * @returns the offset behind what it wrote
 * @throws RangeError when it does not fit into `into`, whose bytes from `offset` on are then undefined
 * @throws BastionError unsupported when the member is beyond what a reader accepts: a path above 64 KiB, attributes above 1 MiB, too many segments
 */
export function writeTarHeader(into: Buffer, offset: number, member: TarMember): number {
  const { path, kind } = member
  const sparse = kind === 'file' ? member.sparse : undefined
  const linkPath = kind === 'symlink' || kind === 'hardlink' ? (member.linkPath ?? '') : ''
  if (path.length > maxPathBytes || linkPath.length > maxPathBytes) {
    throw new BastionError('unsupported', `A path of more than ${maxPathBytes} bytes cannot be stored.`)
  }
  // Records go behind the place of the extended header's block; when there are none, the ustar block takes that place.
  const bodyAt = offset + blockBytes
  let end = bodyAt

  const map = sparse === undefined ? undefined : encodeSparseMap(sparse.map, sparse.realSizeBytes)
  const sizeBytes = kind === 'file' ? member.sizeBytes + (map?.length ?? 0) : 0
  const name = kind === 'dir' ? (path === '' ? './' : `${path}/`) : path
  const split = ustarSplit(name)
  if (sparse !== undefined) {
    end = putDecimalRecord(into, end, 'GNU.sparse.major', 1)
    end = putDecimalRecord(into, end, 'GNU.sparse.minor', 0)
    end = putTextRecord(into, end, 'GNU.sparse.name', name)
    end = putDecimalRecord(into, end, 'GNU.sparse.realsize', sparse.realSizeBytes)
  } else if (split < 0 || isInternational(name)) end = putTextRecord(into, end, 'path', name)
  if (linkPath.length > field.linkName.bytes || (linkPath !== '' && isInternational(linkPath))) end = putTextRecord(into, end, 'linkpath', linkPath)
  if (sizeBytes > maxOctal11) end = putDecimalRecord(into, end, 'size', sizeBytes)
  if (member.uid > maxOctal7) end = putDecimalRecord(into, end, 'uid', member.uid)
  if (member.gid > maxOctal7) end = putDecimalRecord(into, end, 'gid', member.gid)
  const user = member.user ?? ''
  const group = member.group ?? ''
  const userFits = fitsNameField(user)
  const groupFits = fitsNameField(group)
  if (!userFits) end = putTextRecord(into, end, 'uname', toBytePath(user))
  if (!groupFits) end = putTextRecord(into, end, 'gname', toBytePath(group))
  const isBefore1970 = member.mtimeNs < 0n
  const absoluteNs = isBefore1970 ? -member.mtimeNs : member.mtimeNs
  const absoluteSeconds = Number(absoluteNs / secondNs)
  const nanos = Number(absoluteNs - BigInt(absoluteSeconds) * secondNs)
  if (isBefore1970 || nanos !== 0 || absoluteSeconds > maxOctal11) end = putTimeRecord(into, end, 'mtime', isBefore1970, absoluteSeconds, nanos)
  const seconds = isBefore1970 ? 0 : absoluteSeconds
  if (member.xattrs !== undefined) for (const [key, value] of member.xattrs) end = putXattrRecord(into, end, key, value)

  let at = offset
  if (end > bodyAt) {
    const bodyBytes = end - bodyAt
    if (bodyBytes > maxPaxBytes)
      throw new BastionError('unsupported', `Extended attributes of ${bodyBytes} bytes; at most ${maxPaxBytes} can be stored.`)
    at = end + tarPadding(bodyBytes)
    if (at + blockBytes > into.length) throw doesNotFit()
    into.set(paxBlock, offset)
    putChecksum(into, offset, paxBlockSum - 11 * 48 + putOctal(into, offset + field.size.at, bodyBytes, 11))
    into.fill(0, end, at)
  }
  end = at + blockBytes + (map?.length ?? 0)
  if (end > into.length) throw doesNotFit()

  into.fill(0, at, at + blockBytes)
  let sum = sparse === undefined ? putName(into, at, name, split) : putSparseName(into, at, name)
  sum += putOctal(into, at + field.mode.at, member.mode & 0o7777, 7)
  sum += putOctal(into, at + field.uid.at, Math.min(member.uid, maxOctal7), 7)
  sum += putOctal(into, at + field.gid.at, Math.min(member.gid, maxOctal7), 7)
  sum += putOctal(into, at + field.size.at, sizeBytes > maxOctal11 ? 0 : sizeBytes, 11)
  sum += putOctal(into, at + field.mtime.at, Math.min(seconds, maxOctal11), 11)
  sum += putText(into, at + field.type.at, typeFlags[kind === 'device' ? (member.device?.type ?? 'char') : kind])
  sum += putText(into, at + field.linkName.at, linkPath, 0, Math.min(linkPath.length, field.linkName.bytes))
  sum += putText(into, at + field.magic.at, magic)
  if (userFits) sum += putText(into, at + field.user.at, user)
  if (groupFits) sum += putText(into, at + field.group.at, group)
  if (member.device !== undefined && kind === 'device') {
    sum += putDeviceNumber(into, at + field.devMajor.at, member.device.major)
    sum += putDeviceNumber(into, at + field.devMinor.at, member.device.minor)
  }
  putChecksum(into, at, sum + field.checksum.bytes * 32)
  if (map !== undefined) into.set(map, at + blockBytes)
  return end
}

/** Where ustar splits `name` into prefix and name: 0 when it needs no prefix, −1 when it cannot be split. */
function ustarSplit(name: BytePath): number {
  if (name.length <= field.name.bytes) return 0
  const slash = name.indexOf('/', name.length - field.name.bytes - 1)
  return slash > 0 && slash <= field.prefix.bytes && slash < name.length - 1 ? slash : -1
}

/** Where even the record has the full name, its beginning still stands in the block, as GNU tar does it. */
function putName(into: Buffer, at: number, name: BytePath, split: number): number {
  if (split <= 0) return putText(into, at, name, 0, Math.min(name.length, field.name.bytes))
  return putText(into, at + field.prefix.at, name, 0, split) + putText(into, at, name, split + 1)
}

/** A reader that does not know sparse files shall not take the map and the segments for the file itself. */
function putSparseName(into: Buffer, at: number, name: BytePath): number {
  return putText(into, at, `GNUSparseFile.0/${name.slice(name.lastIndexOf('/') + 1).slice(0, 80)}`)
}

function putDeviceNumber(into: Buffer, at: number, value: number): number {
  return value <= maxOctal7 ? putOctal(into, at, value, 7) : putBase256(into, at, value, 8)
}

function putChecksum(into: Buffer, block: number, sum: number): void {
  putOctal(into, block + field.checksum.at, sum, 6)
  into[block + field.checksum.at + 6] = 0
  into[block + field.checksum.at + 7] = 32
}

function isAscii(text: string): boolean {
  for (let i = 0; i < text.length; i += 1) if (text.charCodeAt(i) >= 0x80) return false
  return true
}

function isInternational(name: BytePath): boolean {
  return !isAscii(name) && isUtf8(Buffer.from(name, 'latin1'))
}

/** The last byte of a user or group field is its end. */
function fitsNameField(name: string): boolean {
  return name.length < field.user.bytes && isAscii(name)
}

function makePaxBlock(): Buffer {
  const block = Buffer.alloc(blockBytes)
  putText(block, field.name.at, 'PaxHeaders/entry')
  putOctal(block, field.mode.at, 0o644, 7)
  for (const { at } of [field.uid, field.gid]) putOctal(block, at, 0, 7)
  for (const { at } of [field.size, field.mtime]) putOctal(block, at, 0, 11)
  putText(block, field.type.at, 'x')
  putText(block, field.magic.at, magic)
  return block
}

function doesNotFit(): RangeError {
  return new RangeError('the tar header does not fit')
}
