import type { EntryKind } from '../../core/entry.ts'
import type { Grade } from '../../core/grade.ts'
import { type BytePath, pathText } from '../../lib/byte-path.ts'

/** What a line of the entries index says, in the units of the engine. */
export interface EntryFields {
  path: BytePath
  kind: EntryKind
  sizeBytes?: number | undefined
  /** BLAKE3 of the content as stored, hex */
  hash?: string | undefined
  /** st_mode, type bits included */
  mode: number
  uid: number
  gid: number
  user?: string | undefined
  group?: string | undefined
  mtimeNs: bigint
  target?: BytePath
  device?: { type: 'block' | 'char'; major: number; minor: number }
  /** where a target keeps what it cannot hold under its own name */
  object?: string | undefined
  xattrs?: ReadonlyArray<readonly [name: string, value: Uint8Array]> | undefined
  /** stored without its holes */
  sparse?: boolean | object
  hardlinkGroup?: string | undefined
  grade?: Grade | undefined
  flags?: readonly string[] | undefined
  supersedes?: boolean | undefined
}

/** Text that is its own JSON between quotes. */
const plain = /^[ !#-[\]-~]*$/

/**
 * The JSON of an index line (`entrySchema`) as far as it is known where an entry is read: without `at` and without the closing brace, which
 * {@link closeEntryLine} adds. Built by hand, which every file goes through: JSON.stringify of an object made for it takes a quarter longer.
 */
export function entryLine(entry: EntryFields): string {
  let line = `{${pathFields('path', entry.path)},"kind":"${entry.kind}"`
  if (entry.sizeBytes !== undefined) line += `,"size":${entry.sizeBytes}`
  if (entry.hash !== undefined) line += `,"hash":"${entry.hash}"`
  line += `,"mode":${entry.mode},"uid":${entry.uid},"gid":${entry.gid}`
  if (entry.user !== undefined) line += `,"user":${quote(entry.user)}`
  if (entry.group !== undefined) line += `,"group":${quote(entry.group)}`
  line += `,"mtime_ns":"${entry.mtimeNs}"`
  if (entry.target !== undefined) line += `,${pathFields('target', entry.target)}`
  if (entry.device !== undefined) line += `,"rdev":[${entry.device.major},${entry.device.minor}],"device":"${entry.device.type}"`
  if (entry.object !== undefined) line += `,"object":${quote(entry.object)}`
  if (entry.xattrs !== undefined && entry.xattrs.length > 0) line += `,"xattrs":{${entry.xattrs.map(xattrField).join(',')}}`
  if (entry.sparse !== undefined && entry.sparse !== false) line += ',"sparse":true'
  if (entry.hardlinkGroup !== undefined) line += `,"hardlink_group":${quote(entry.hardlinkGroup)}`
  if (entry.grade !== undefined) line += `,"grade":"${entry.grade}"`
  if (entry.flags !== undefined && entry.flags.length > 0) line += `,"flags":[${entry.flags.map(quote).join(',')}]`
  if (entry.supersedes === true) line += ',"supersedes":true'
  return line
}

/** Where a member begins: offset of its zstd frame, tar bytes to skip in it; `null` for what has no member. */
export type MemberPlace = readonly [frameOffset: number, skip: number] | null

/** The whole line, without a newline. */
export function closeEntryLine(open: string, at: MemberPlace): string {
  return open + lineEnd(at)
}

/** What follows an open line to make it whole. ASCII. */
export function lineEnd(at: MemberPlace): string {
  return at === null ? '}' : `,"at":[${at[0]},${at[1]}]}`
}

function pathFields(name: 'path' | 'target', path: BytePath): string {
  if (plain.test(path)) return `"${name}":"${path}"`
  const { text, b64 } = pathText(path)
  return b64 === undefined ? `"${name}":${JSON.stringify(text)}` : `"${name}":${JSON.stringify(text)},"${name}_b64":"${b64}"`
}

function xattrField([name, value]: readonly [string, Uint8Array]): string {
  return `${quote(name)}:"${Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString('base64')}"`
}

function quote(text: string): string {
  return plain.test(text) ? `"${text}"` : JSON.stringify(text)
}
