import type { BytePath } from '../../lib/byte-path.ts'
import { createNameSet } from '../../lib/name-set.ts'
import type { EntriesIndex, IndexedEntry } from '../formats/entries-index-reader.ts'

/** Which files an artifact brings for its hard links to lead to: a link to anything else would lead to what somebody else has at that path. */
export interface LinkContent {
  /** Keeps in mind a file that says it has more names. */
  note(entry: IndexedEntry): void
  isNoted(firstName: BytePath): boolean
  /** The file at `firstName`, read from the index, for names that were not noted; null when the artifact holds none. */
  find(firstName: BytePath): Promise<IndexedEntry | null>
}

/** @param artifact tells what has content in it */
export function createLinkContent(index: EntriesIndex, artifact: { holds(entry: IndexedEntry): boolean }): LinkContent {
  const noted = createNameSet()
  return {
    note(entry) {
      if (entry.kind === 'file' && entry.hardlink_group !== undefined && artifact.holds(entry)) noted.add(entry.bytes)
    },
    isNoted: (firstName) => noted.has(firstName),
    async find(firstName) {
      const first = await index.find(firstName)
      return first?.kind === 'file' && artifact.holds(first) ? first : null
    },
  }
}
