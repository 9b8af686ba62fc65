import type { CaptureHow, CaptureRefusal } from '../../../core/sqlite-capture.ts'
import type { BytePath } from '../../../lib/byte-path.ts'

/** A database that is to be captured. */
export interface CaptureOrder {
  /** of the file itself: its journals stand beside it, not beside a link to it */
  physical: BytePath
  /** which file it was when it was listed: what is read must be that one */
  dev: number
  ino: number
  /** its owner, with whose rights it is opened */
  uid: number
  gid: number
  /** nobody writes to it: it stands on a source snapshot */
  frozen: boolean
  /** the copy, in a directory that is ours; not there yet */
  to: string
}

export interface Captured {
  how: CaptureHow
  sizeBytes: number
}

export interface Refused {
  refused: CaptureRefusal
  message: string
}

/** What SQLite says of a copy, by `integrity_check` and `foreign_key_check`. */
export interface DatabaseCheck {
  ok: boolean
  /** what is wrong with it, the first few */
  problems: string[]
  foreignKeyViolations: number
}

export type WorkerTask = { id: number; capture: CaptureOrder } | { id: number; check: string }
export type WorkerReply =
  | { id: number; captured: Captured | Refused }
  | { id: number; checked: DatabaseCheck }
  | { id: number; failed: string }
  | { id: number; doneBytes: number; totalBytes: number }
