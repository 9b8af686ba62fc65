import type { KeyObject } from 'node:crypto'
import type { ConsistencyFinding } from '../../core/consistency.ts'
import type { EntryKind } from '../../core/entry.ts'
import type { FrozenGrade, Grade } from '../../core/grade.ts'
import type { BytePath } from '../../lib/byte-path.ts'
import type { Xattr } from '../../lib/posix-xattr.ts'

/** One entry for a packing thread: it stats, opens and reads it itself. */
export interface PackItem {
  path: BytePath
  /** absent where it is "/" and `path` */
  physical?: BytePath
  kind: EntryKind
  /** files: as listed; what it has grown since then does not fit the frame any more */
  sizeBytes: number
  followed?: true
  frozen?: FrozenGrade
  supersedes?: true
  /** files with more names: the group, which file it was when listed, and for a link the path of the member that holds the content */
  group?: string
  linkId?: string
  primary?: BytePath
  /** what it says of itself where its name is not looked at: of a link that only follows its file into the settle pass, and of a file that is read from a copy made for it */
  inode?: InodeFacts
}

/** What all names of a file say of it. */
export interface InodeFacts {
  /** st_mode, type bits included */
  mode: number
  uid: number
  gid: number
  mtimeNs: bigint
  /** where they are not to be read from the file */
  xattrs?: Xattr[]
}

/** What became of one item, in the order of the items. */
export interface PackedItem {
  /** bytes of the index line, which lies behind those of the items before; 0 when nothing was stored */
  lineBytes: number
  /** tar bytes before the member in its frame; -1 for an entry that is in the index only */
  skip: number
  kind: EntryKind
  contentBytes: number
  /** of a sparse file that is stored without its holes */
  holeBytes?: number
  grade: Grade | null
  retried?: true
  /** whether it holds the content of its hard link group: its name may have become another file since it was listed */
  holdsGroup?: true
  finding?: ConsistencyFinding
  /** the file could not be read: an issue of the run */
  error?: { code: string; message: string }
}

export type PackTask =
  /** Pack whole entries into one frame. `stats`: a `FileStat` for each item, as it was listed, or zeros. */
  | { kind: 'entries'; items: PackItem[]; stats: Uint32Array }
  /** Compress a piece of a large member. */
  | { kind: 'bytes'; buffer: ArrayBuffer; length: number }
  /** Encrypt consecutive age chunks; `last` when the final one is among them. */
  | { kind: 'seal'; buffer: ArrayBuffer; length: number; firstChunk: number; last: boolean }

export type PackAnswer =
  /** `lines`: the index lines of the items, one behind the other, each still open for its `at` */
  | { kind: 'entries'; frame: Uint8Array | null; tarBytes: number; items: PackedItem[]; lines: Uint8Array }
  /** `buffer` comes back to be filled again */
  | { kind: 'bytes'; frame: Uint8Array; buffer: ArrayBuffer }
  | { kind: 'seal'; sealed: Uint8Array; buffer: ArrayBuffer }

export interface PackThreadData {
  level: number
  frameBytes: number
  /** of the age stream, when encrypting */
  payloadKey: KeyObject | null
}
