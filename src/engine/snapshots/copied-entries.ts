import { BastionError } from '../../core/errors.ts'
import { type BytePath, pathText } from '../../lib/byte-path.ts'
import { createFileStater } from '../../lib/file-stat.ts'
import { createSpillingMap } from '../../lib/spilling-map.ts'
import type { ComingItem, SourceEntry, SourceItem } from '../sources/source.ts'
import type { FrozenView } from './frozen-view.ts'

/** All names of one file. */
interface Group {
  /** `null` when it cannot be copied: then all of them are read live */
  physical: BytePath | null
  /** names not seen yet */
  left: number
}

/** Some hundred bytes each. */
const maxInMemory = 100_000

/**
 * Entries whose files are copied when they are met, and read from their copies. All names of a file have one copy. A file that cannot be copied is read live.
 * @param options.isRequired then it is an error instead
 * @param options.spillDirectory where files with several names go that memory is too small for; nothing is left there
 * @throws BastionError snapshot_unavailable
 */
export function* copiedEntries(
  items: Iterable<ComingItem>,
  view: FrozenView,
  options: { isRequired: boolean; spillDirectory: string; maxInMemory?: number },
): Generator<ComingItem> {
  const stater = createFileStater()
  using groups = createSpillingMap<Group>({ directory: options.spillDirectory, maxInMemory: options.maxInMemory ?? maxInMemory })
  // What is still to come is no file with several names.
  for (const item of items) yield item instanceof Promise ? item.then((come) => (come === null ? null : become(come))) : become(item)

  function become(item: SourceItem): SourceItem {
    return 'problem' in item || item.entry.kind !== 'file' || item.entry.frozen !== false ? item : { entry: copied(item.entry) }
  }

  function copied(entry: SourceEntry): SourceEntry {
    const { linkId } = entry
    const group = linkId === undefined ? undefined : groups.get(linkId)
    const physical = group === undefined ? view.copyFile(entry.physical, entry.followed) : group.physical
    if (linkId !== undefined && physical !== undefined) remember(linkId, group ?? { physical, left: entry.linkCount })
    if (physical === undefined || physical === null) {
      if (!options.isRequired) return entry
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
