import { BastionError } from '../../core/errors.ts'
import { type BytePath, pathText } from '../../lib/byte-path.ts'
import { createFileStater } from '../../lib/file-stat.ts'
import type { SourceEntry, SourceItem } from '../sources/source.ts'
import type { FrozenView } from './frozen-view.ts'

interface CopiedGroup {
  physical: BytePath
  linkId: string
  left: number
}

/**
 * Entries whose files are copied when they are met, and read from their copies. All names of a file have one copy. A file that cannot be copied is read live.
 * @param isRequired then it is an error instead
 * @throws BastionError snapshot_unavailable
 */
export function* copiedEntries(items: Iterable<SourceItem>, view: FrozenView, isRequired: boolean): Generator<SourceItem> {
  const groups = new Map<string, CopiedGroup>()
  const stater = createFileStater()
  for (const item of items) {
    if ('problem' in item || item.entry.kind !== 'file' || item.entry.frozen !== false) yield item
    else yield { entry: copied(item.entry) }
  }

  function copied(entry: SourceEntry): SourceEntry {
    const group = entry.linkId === undefined ? undefined : groups.get(entry.linkId)
    const physical = group?.physical ?? view.copyFile(entry.physical, entry.followed)
    if (physical === undefined || physical === null) {
      if (!isRequired) return entry
      throw new BastionError('snapshot_unavailable', `a source snapshot is required: /${pathText(entry.path).text} could not be copied by reference`)
    }
    const stat = stater.byPath(physical, false)
    const linkId = entry.linkId === undefined ? {} : { linkId: stat.fileId }
    if (entry.linkId !== undefined) remember(entry.linkId, group ?? { physical, linkId: stat.fileId, left: entry.linkCount })
    return { ...entry, physical, stat, sizeBytes: stat.size, followed: false, frozen: 'per_file', ...linkId }
  }

  function remember(linkId: string, group: CopiedGroup): void {
    group.left -= 1
    if (group.left > 0) groups.set(linkId, group)
    else groups.delete(linkId)
  }
}
