import type { CoverageItem } from '../../core/coverage.ts'
import type { EntryKind } from '../../core/entry.ts'
import type { FrozenGrade } from '../../core/grade.ts'
import type { BytePath } from '../../lib/byte-path.ts'
import type { FileStat } from '../../lib/file-stat.ts'

/** One thing to store. Hard links are not known yet here: the packer sees them by `linkId`. */
export interface SourceEntry {
  /** logical path without its leading "/" */
  path: BytePath
  /** absolute path to read it at; differs from `path` on a source snapshot */
  physical: BytePath
  kind: Exclude<EntryKind, 'hardlink'>
  /** as seen when it was listed */
  sizeBytes: number
  /** the same moment, in full, until the next entry is asked for; null where there is more to know only when it is read */
  stat: FileStat | null
  /** the same for all names of one file; absent for files with one name, and where hard links are stored as copies */
  linkId?: string
  /** how many names the file has */
  linkCount: number
  /** read through a symbolic link (`symlink_policy: follow`) */
  followed: boolean
  /** read from a source snapshot, where nothing changes, and what that is worth */
  frozen: FrozenGrade | false
}

/** Something that should have been stored and could not even be looked at. */
export interface SourceProblem {
  path: BytePath
  error: NodeJS.ErrnoException
}

export type SourceItem = { entry: SourceEntry } | { problem: SourceProblem }

/** A source made ready to be read. */
export interface PreparedSource extends AsyncDisposable {
  /** In artifact order: ascending path bytes. Can be asked for more than once. */
  entries(): Iterable<SourceItem>
  /** What was read and how; whole only after `entries()` was read to its end. */
  coverage(): CoverageItem[]
}
