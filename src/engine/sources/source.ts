import type { CoverageItem } from '../../core/coverage.ts'
import type { EntryKind } from '../../core/entry.ts'
import type { FrozenGrade } from '../../core/grade.ts'
import type { BytePath } from '../../lib/byte-path.ts'
import type { FileStat } from '../../lib/file-stat.ts'
import type { InodeFacts } from '../pipeline/pack-protocol.ts'

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
  /** read where nothing changes, from a source snapshot or a copy made for it, and what that is worth */
  frozen: FrozenGrade | false
  /** what it says of itself, where what is read says something else: a copy made for it */
  inode?: InodeFacts
  /** called once it is packed, or will not be: a copy made for it is not needed any more */
  release?: () => void
}

/** Something that should have been stored and could not even be looked at. */
export interface SourceProblem {
  path: BytePath
  error: NodeJS.ErrnoException
}

export type SourceItem = { entry: SourceEntry } | { problem: SourceProblem }

/** What takes its time is waited for in its turn; it may turn out to be nothing. */
export type ComingItem = SourceItem | Promise<SourceItem | null>

/** A source made ready to be read. */
export interface PreparedSource extends AsyncDisposable {
  /** In artifact order: ascending path bytes. Can be asked for more than once. */
  entries(): Iterable<SourceItem>
  /** What was read and how; whole only after `entries()` was read to its end. */
  coverage(): CoverageItem[]
}
