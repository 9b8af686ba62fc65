import type { BytePath } from '../../lib/byte-path.ts'
import type { TreeMetadata } from '../targets/target.ts'
import type { PackedItem, PackItem } from './pack-protocol.ts'

/** One entry for a thread that packs a tree: an item of the run, and where it goes. */
export interface TreeItem extends PackItem {
  /**
   * Where it stands below the run's directory. Absent: under its own name if the filesystem can hold that, else a file under its odd one. `null`: in the index only.
   * Told again by the thread where it decided.
   */
  object?: string | null
  /** of a hard link: the same of the file it is a name of, where that is packed already and not under its own name */
  primaryObject?: string
}

/** What became of one item; `object` where it does not stand under its own name. */
export interface TreePacked extends PackedItem {
  object?: string | null
  /** where its content begins in the answer's `contents`; -1 when it is not there */
  contentAt: number
}

export type TreeTask =
  /** Read whole entries, and store them where a tree is open. `stats`: a `FileStat` for each item, as it was listed, or zeros. */
  | { kind: 'entries'; items: TreeItem[]; stats: Uint32Array }
  /** Give directories their metadata, in this order. */
  | { kind: 'directories'; directories: (TreeMetadata & { path: BytePath })[] }

export type TreeAnswer =
  /** `lines`: whole index lines but for the closing brace · `contents` of files the caller is to store */
  { kind: 'entries'; items: TreePacked[]; lines: Uint8Array; contents: Uint8Array } | { kind: 'directories' }

export interface TreeThreadData {
  /** files up to this size are read whole, and read again when they changed meanwhile */
  wholeBytes: number
  /** the tree to store into; null: contents are answered */
  tree: { rootFd: number; label: string } | null
  /** one word; not zero when the run has ended and nothing more is to be done */
  stopped: SharedArrayBuffer
}
