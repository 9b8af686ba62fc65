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

export function createLinkContent(index: EntriesIndex): LinkContent {
  const noted = createNameSet()
  return {
    note({ kind, at, hardlink_group: group, bytes }) {
      if (kind === 'file' && at !== undefined && group !== undefined) noted.add(bytes)
    },
    isNoted: (firstName) => noted.has(firstName),
    async find(firstName) {
      const first = await index.find(firstName)
      return first?.kind === 'file' && first.at !== undefined ? first : null
    },
  }
}
