import type { BytePath } from '../../lib/byte-path.ts'
import type { IndexedEntry } from '../formats/entries-index-reader.ts'
import type { ExtractItem } from './extract-protocol.ts'

/** An index line as a thread needs it. @param to where it goes; its own path unless said */
export function extractItemOf(entry: IndexedEntry, to: BytePath = entry.bytes): ExtractItem {
  return {
    skip: entry.at?.[1] ?? 0,
    path: entry.bytes,
    to,
    kind: entry.kind === 'socket' ? 'fifo' : entry.kind,
    size: entry.size ?? 0,
    hash: entry.hash ?? null,
    mode: entry.mode,
    uid: entry.uid,
    gid: entry.gid,
    mtimeNs: BigInt(entry.mtime_ns),
    ...(entry.sparse === undefined ? {} : { sparse: true }),
    ...(entry.xattrs === undefined ? {} : { xattrs: Object.entries(entry.xattrs).map(([name, value]) => [name, Buffer.from(value, 'base64')]) }),
    ...(entry.targetBytes === undefined ? {} : { target: entry.targetBytes }),
    ...(entry.rdev === undefined ? {} : { device: { type: entry.device ?? 'char', major: entry.rdev[0], minor: entry.rdev[1] } }),
  }
}
