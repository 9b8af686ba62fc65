import type { IndexedEntry } from '../formats/index-entry.ts'
import type { ExtractItem } from './extract-protocol.ts'

/** Checks or restores the entries of an artifact that have content of their own, many at a time, whatever its format. */
export interface ContentExtractor extends AsyncDisposable {
  /** Whether the artifact has a place for the content of such an entry: a file, a symbolic link, a special file. */
  holds(entry: IndexedEntry): boolean
  /** In index order; a promise only when there is something to wait for. @param item `entry`, and where it goes */
  add(item: ExtractItem, entry: IndexedEntry): Promise<void> | undefined
  drain(): Promise<void>
}
