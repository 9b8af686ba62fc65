import type { BytePath } from '../../../lib/byte-path.ts'
import { checkedTimeNs, paxNumber, paxTimeNs, readPaxRecords, xattrName, xattrPrefix } from './pax-records.ts'
import type { PaxRecords } from './pax-records.ts'
import { decodeSparseMap } from './sparse-map.ts'
import { blockBytes, field, maxPathBytes, readNumber, readSignedNumber, readText, tarDamaged } from './tar-fields.ts'
import type { Field } from './tar-fields.ts'
import type { TarMember } from './tar-header.ts'

const kinds: Record<string, TarMember['kind']> = {
  '0': 'file',
  '\0': 'file',
  '7': 'file',
  '1': 'hardlink',
  '2': 'symlink',
  '3': 'device',
  '4': 'device',
  '5': 'dir',
  '6': 'fifo',
}

/** What a global header may set for all members after it; of other keywords, those that would change what a member is are refused. */
const globalKeys = ['mtime', 'uid', 'gid', 'uname', 'gname']
const perMemberKeys = /^(?:path|linkpath|size|GNU\.sparse\..*|SCHILY\.xattr\..*)$/s

const maxId = 0xffff_ffff

/** The global header `body` laid over `globals`; its values are copies and their number is bounded. */
export function readGlobals(body: Buffer, globals: PaxRecords): PaxRecords {
  const records: PaxRecords = new Map()
  readPaxRecords(body, records)
  const merged: PaxRecords = new Map(globals)
  for (const [key, value] of records) {
    if (perMemberKeys.test(key)) throw tarDamaged(`a global header sets "${key.slice(0, 40)}"`)
    if (globalKeys.includes(key)) merged.set(key, Buffer.from(value))
  }
  return merged
}

interface MemberHeader {
  type: string
  records: PaxRecords
  globals: PaxRecords
}

/** The member of the header block at `at` (its checksum is right); `atLeastEnd` where its sparse map is not there yet. */
export function readMember(bytes: Buffer, at: number, header: MemberHeader): { member: TarMember; dataOffset: number } | { atLeastEnd: number } {
  const { type, records } = header
  const kind = kinds[type]
  if (kind === undefined) throw tarDamaged(`a member is of the unknown type ${JSON.stringify(type)}`)
  const storedBytes = number(bytes, at, 'size', field.size, header)
  if (kind !== 'file' && storedBytes !== 0) throw tarDamaged(`a ${kind} has ${storedBytes} bytes of data`)

  const member: TarMember = {
    path: checkedPath(records.has('GNU.sparse.name') ? textOf(records, 'GNU.sparse.name') : pathOf(bytes, at, records), kind),
    kind,
    sizeBytes: storedBytes,
    mode: readNumber(bytes, at, field.mode) & 0o7777,
    uid: id(bytes, at, 'uid', field.uid, header),
    gid: id(bytes, at, 'gid', field.gid, header),
    mtimeNs: mtimeOf(bytes, at, header),
  }
  const user = nameOf(bytes, at, 'uname', field.user, header)
  const group = nameOf(bytes, at, 'gname', field.group, header)
  if (user !== '') member.user = user
  if (group !== '') member.group = group
  if (kind === 'symlink' || kind === 'hardlink') {
    const linkPath = records.has('linkpath') ? textOf(records, 'linkpath') : readText(bytes, at, field.linkName)
    member.linkPath = kind === 'hardlink' ? checkedPath(linkPath, kind) : checkedText(linkPath)
  }
  if (kind === 'device') {
    const [major, minor] = [readNumber(bytes, at, field.devMajor), readNumber(bytes, at, field.devMinor)]
    if (major > maxId || minor > maxId) throw tarDamaged('a device number is out of range')
    member.device = { type: type === '3' ? 'char' : 'block', major, minor }
  }
  const xattrs = xattrsOf(records)
  if (xattrs.length > 0) member.xattrs = xattrs

  const dataOffset = at + blockBytes
  const realSizeBytes = sparseSize(records, kind)
  if (realSizeBytes === undefined) return { member, dataOffset }
  const sparse = decodeSparseMap(bytes, dataOffset, dataOffset + storedBytes, realSizeBytes)
  // Twice as much each time, so that reading a long map in small steps stays linear.
  if (sparse === undefined) return { atLeastEnd: Math.min(dataOffset + storedBytes, bytes.length + Math.max(bytes.length - at, blockBytes)) }
  const { map, mapBytes, dataBytes } = sparse
  if (mapBytes + dataBytes !== storedBytes) throw tarDamaged('the segments of a sparse file are not its data')
  member.sizeBytes = dataBytes
  member.sparse = { map, realSizeBytes }
  return { member, dataOffset: dataOffset + mapBytes }
}

function pathOf(bytes: Buffer, at: number, records: PaxRecords): BytePath {
  if (records.has('path')) return textOf(records, 'path')
  const name = readText(bytes, at, field.name)
  // GNU headers ("ustar  ") keep other things where POSIX has the prefix.
  const prefix = bytes[at + field.magic.at + 5] === 0 ? readText(bytes, at, field.prefix) : ''
  return prefix === '' ? name : `${prefix}/${name}`
}

function textOf(records: PaxRecords, key: string): BytePath {
  return records.get(key)?.toString('latin1') ?? ''
}

/** The path without "./" before and "/" behind it; '' is the root directory. */
function checkedPath(path: BytePath, kind: TarMember['kind']): BytePath {
  let from = 0
  let to = path.length
  while (path.startsWith('./', from)) from += 2
  if (kind === 'dir') while (to > from && path.charCodeAt(to - 1) === 47) to -= 1
  const bare = path.slice(from, to)
  if (kind === 'dir' && path !== '' && path[0] !== '/' && (bare === '' || bare === '.')) return ''
  checkedText(bare)
  if (/(?:^|\/)\.{0,2}(?:\/|$)/.test(bare)) throw tarDamaged('a name is absolute, or has an empty part, "." or ".."')
  return bare
}

function checkedText(text: BytePath): BytePath {
  if (text === '' || text.length > maxPathBytes || text.includes('\0')) throw tarDamaged('a name is empty, too long or holds a zero byte')
  return text
}

function recordOf(key: string, { records, globals }: MemberHeader): Buffer | undefined {
  return records.get(key) ?? globals.get(key)
}

function number(bytes: Buffer, at: number, key: string, place: Field, header: MemberHeader): number {
  const record = recordOf(key, header)
  return record === undefined ? readNumber(bytes, at, place) : paxNumber(record)
}

function id(bytes: Buffer, at: number, key: string, place: Field, header: MemberHeader): number {
  const value = number(bytes, at, key, place, header)
  if (value > maxId) throw tarDamaged(`the ${key} ${value} is out of range`)
  return value
}

function nameOf(bytes: Buffer, at: number, key: string, place: Field, header: MemberHeader): string {
  const record = recordOf(key, header)
  return record === undefined ? Buffer.from(readText(bytes, at, place), 'latin1').toString('utf8') : record.toString('utf8')
}

function mtimeOf(bytes: Buffer, at: number, header: MemberHeader): bigint {
  const record = recordOf('mtime', header)
  return record === undefined ? checkedTimeNs(readSignedNumber(bytes, at, field.mtime) * 1_000_000_000n) : paxTimeNs(record)
}

function xattrsOf(records: PaxRecords): Array<[name: string, value: Uint8Array]> {
  const xattrs: Array<[string, Uint8Array]> = []
  for (const [key, value] of records) if (key.startsWith(xattrPrefix)) xattrs.push([xattrName(key), new Uint8Array(value)])
  return xattrs
}

/** The whole size of a sparse file; none when it is not sparse. */
function sparseSize(records: PaxRecords, kind: TarMember['kind']): number | undefined {
  const [major, minor, realSize] = [records.get('GNU.sparse.major'), records.get('GNU.sparse.minor'), records.get('GNU.sparse.realsize')]
  if (records.has('GNU.sparse.map') || records.has('GNU.sparse.numblocks')) throw tarDamaged('a sparse file is of an old format (0.0 or 0.1)')
  if (major === undefined && minor === undefined) return undefined
  if (kind !== 'file' || major?.toString('latin1') !== '1' || minor?.toString('latin1') !== '0' || realSize === undefined) {
    throw tarDamaged('a sparse file is of an unknown format')
  }
  return paxNumber(realSize)
}
