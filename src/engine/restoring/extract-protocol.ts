import type { ConflictPolicy } from '../../core/operation.ts'
import type { BytePath } from '../../lib/byte-path.ts'
import type { AgePayloadKey } from '../crypto/age-header.ts'
import type { SealedRange } from '../crypto/sealed-range.ts'
import type { Xattr } from '../../lib/posix-xattr.ts'

/** One entry of a frame, for a thread to check or to restore. */
export interface ExtractItem {
  /** tar bytes to skip in the frame */
  skip: number
  /** as the tar member must name it */
  path: BytePath
  /** where it goes, below the destination; other than `path` for a hard link's content restored under another name */
  to: BytePath
  kind: 'file' | 'symlink' | 'fifo' | 'device' | 'dir' | 'hardlink'
  /** with its holes */
  size: number
  sparse?: true
  xattrs?: Xattr[]
  hash: string | null
  mode: number
  uid: number
  gid: number
  mtimeNs: bigint
  target?: BytePath
  device?: { type: 'block' | 'char'; major: number; minor: number }
}

/** What became of an entry. `spans`: its data goes on in later frames, the caller streams it. */
export type ExtractOutcome =
  | { kind: 'done'; bytes: number; notes?: MetadataNote[] }
  | { kind: 'renamed'; to: BytePath; bytes: number; notes?: MetadataNote[] }
  | { kind: 'skipped' }
  | { kind: 'conflict'; message: string }
  | { kind: 'failed'; message: string }
  | { kind: 'damaged'; message: string }
  | { kind: 'spans' }

/** Metadata that could not be restored; the content is. */
export type MetadataNote = 'owner' | 'mode' | 'mtime' | 'xattrs'

/** A frame as the target has it: compressed, and encrypted where `sealed` says so. */
export interface StoredFrame {
  bytes: Uint8Array
  plainSize: number
  sealed?: SealedRange
}

/** Where the first `sizeBytes` of a decompressed frame go. Whoever asks keeps the file open until the answer is there. */
export interface PutData {
  fd: number
  position: number
  sizeBytes: number
}

export type ExtractTask =
  /** Decompress a frame and check (`restore: false`) or restore the entries in it. */
  | { kind: 'frame'; frame: StoredFrame; items: ExtractItem[]; restore: boolean }
  /** Decompress a frame, write what `put` says of it, and give it back. */
  | { kind: 'decode'; frame: StoredFrame; put?: PutData }

export type ExtractAnswer = { kind: 'frame'; outcomes: ExtractOutcome[] } | { kind: 'decode'; plain: Uint8Array }

/** How entries are put in their places. */
export interface PlacerOptions {
  conflict: ConflictPolicy
  /** whether owners are restored: as root */
  owners: boolean
  /** The destination was empty: what is met at a name is the exception, and looked at only then. */
  fresh: boolean
}

export interface ExtractThreadData extends PlacerOptions {
  /** open handle of the destination; -1 when only checking */
  rootFd: number
  /** of the age stream, of an encrypted payload */
  payloadKey: AgePayloadKey | null
}
