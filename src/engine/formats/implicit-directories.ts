import type { BytePath } from '../../lib/byte-path.ts'
import { damagedIndex, type IndexedEntry } from './index-entry.ts'

/** Above the roots of a source, which can be as deep as a path is long; a source can have many of them. */
const freeDirectories = 4096
const directoriesPerEntry = 16

/** Counts the directories that are only known by what lies below them: a restore makes each, and one path alone could be tens of thousands. */
export interface ImplicitDirectories {
  /** The next entries, in path order. @throws BastionError artifact_damaged for more of them than any source has */
  meet(entries: readonly IndexedEntry[]): void
}

/** @param entryCount of the index, as the manifest promises it */
export function createImplicitDirectories(entryCount: number): ImplicitDirectories {
  const most = freeDirectories + directoriesPerEntry * entryCount
  // Directories met in which more may come: each begins with the one before it, as `a`, `a-` and `a-b` do.
  const open: BytePath[] = []
  let count = 0

  function meetParent(path: BytePath): void {
    while (open.length > 0 && !path.startsWith(open.at(-1)!)) open.pop()
    const parentEnd = path.lastIndexOf('/')
    if (parentEnd === -1 || open.at(-1)?.length === parentEnd) return
    const known = new Set(open)
    for (let end = path.indexOf('/'); end !== -1; end = path.indexOf('/', end + 1)) {
      const directory = path.slice(0, end)
      if (known.has(directory)) continue
      count += 1
      if (count > most) throw damagedIndex(`it leads through more than ${most} directories it does not hold`)
      open.push(directory)
    }
  }

  return {
    meet(entries) {
      for (const { bytes, kind } of entries) {
        meetParent(bytes)
        if (kind === 'dir') open.push(bytes)
      }
    },
  }
}
