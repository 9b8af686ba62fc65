import { BastionError } from '../../core/errors.ts'
import { type BytePath, pathText } from '../../lib/byte-path.ts'
import { createFileStater } from '../../lib/file-stat.ts'
import type { SourceEntry, SourceItem } from '../sources/source.ts'
import type { FrozenView } from './frozen-view.ts'

/** All names of one file. */
interface Group {
  /** `null` when it cannot be copied: then all of them are read live */
  physical: BytePath | null
  /** names not seen yet */
  left: number
}

/**
 * Entries whose files are copied when they are met, and read from their copies. All names of a file have one copy. A file that cannot be copied is read live.
 * @param isRequired then it is an error instead
 * @throws BastionError snapshot_unavailable
 */
export function* copiedEntries(items: Iterable<SourceItem>, view: FrozenView, isRequired: boolean): Generator<SourceItem> {
  const stater = createFileStater()
  const groups = new Map<string, Group>()
  for (const item of items) {
    if ('problem' in item || item.entry.kind !== 'file' || item.entry.frozen !== false) yield item
    else yield { entry: copied(item.entry) }
  }

  function copied(entry: SourceEntry): SourceEntry {
    const { linkId } = entry
    const group = linkId === undefined ? undefined : groups.get(linkId)
    const physical = group === undefined ? view.copyFile(entry.physical, entry.followed) : group.physical
    if (linkId !== undefined && physical !== undefined) remember(linkId, group ?? { physical, left: entry.linkCount })
    if (physical === undefined || physical === null) {
      if (!isRequired) return entry
      throw new BastionError('snapshot_unavailable', `a source snapshot is required: /${pathText(entry.path).text} could not be copied by reference`)
    }
    const stat = stater.byPath(physical, false)
    return {
      ...entry,
      physical,
      sizeBytes: stat.size,
      stat,
      followed: false,
      frozen: 'per_file',
      ...(linkId === undefined ? {} : { linkId: stat.fileId }),
    }
  }

  function remember(linkId: string, group: Group): void {
    group.left -= 1
    if (group.left > 0) groups.set(linkId, group)
    else groups.delete(linkId)
  }
}
