import { createSpillingMap } from '../../lib/spilling-map.ts'
import type { BytePath } from '../../lib/byte-path.ts'
import { fromPathText } from '../../lib/byte-path.ts'
import type { PackedItem, PackItem } from './pack-protocol.ts'

interface Group {
  name: string
  /** the stored name that holds the content; `null` when none could be stored yet */
  primary: BytePath | null
  /** the number of the primary's item, counted from 0 */
  itemNumber: number
  /** names of the file not seen yet */
  left: number
}

/**
 * Which names are one file: the first one stored holds the content, later ones link to it. A group is forgotten when all its names were seen; those with names
 * outside the source stay, and beyond a number of them in a file, so that memory is bounded.
 */
export interface HardLinkTable extends Disposable {
  /** The number of the item that holds the content of the group; `null` when this is its first name. */
  itemOf(linkId: string): number | null
  /** Makes `item` the file that holds the content, or a link to it. */
  describe(item: PackItem, linkId: string, linkCount: number, itemNumber: number): void
  /** Keeps up with what became of the items. */
  onPacked(item: PackItem, packed: PackedItem): void
  /** The link members of some groups among the lines of an index, as items to be packed again. */
  linksOf(groups: ReadonlySet<string>, lines: Iterable<string> | AsyncIterable<string>): Promise<Map<string, PackItem[]>>
}

/** Some hundred bytes each. */
const maxInMemory = 100_000

/** @param options.spillDirectory where groups go that memory is too small for; nothing is left there */
export function createHardLinkTable(options: { spillDirectory: string; maxInMemory?: number }): HardLinkTable {
  const groups = createSpillingMap<Group>({ directory: options.spillDirectory, maxInMemory: options.maxInMemory ?? maxInMemory })
  let count = 0

  return {
    itemOf: (linkId) => groups.get(linkId)?.itemNumber ?? null,
    describe(item, linkId, linkCount, itemNumber) {
      item.linkId = linkId
      const group = groups.get(linkId) ?? { name: `h${++count}`, primary: null, itemNumber, left: linkCount }
      item.group = group.name
      group.left -= 1
      if (group.primary === null) {
        group.primary = item.path
        group.itemNumber = itemNumber
      } else {
        item.kind = 'hardlink'
        item.primary = group.primary
      }
      if (group.left <= 0) groups.delete(linkId)
      else groups.set(linkId, group)
    },
    onPacked(item, packed) {
      if (item.linkId === undefined || (item.kind === 'hardlink' && packed.kind === 'hardlink')) return
      const group = groups.get(item.linkId)
      if (group === undefined) return
      const primary = packed.holdsGroup ? (group.primary ?? item.path) : group.primary === item.path ? null : group.primary
      if (primary !== group.primary) groups.set(item.linkId, { ...group, primary })
    },
    async linksOf(wanted, lines) {
      const found = new Map<string, PackItem[]>()
      for await (const text of lines) {
        if (!text.includes('"hardlink_group"') || !text.includes('"hardlink"')) continue
        const line = JSON.parse(text) as {
          path: string
          path_b64?: string
          kind: string
          target?: string
          target_b64?: string
          hardlink_group?: string
        }
        if (line.kind !== 'hardlink' || line.hardlink_group === undefined || !wanted.has(line.hardlink_group)) continue
        const item: PackItem = {
          path: fromPathText(line.path, line.path_b64),
          kind: 'hardlink',
          sizeBytes: 0,
          group: line.hardlink_group,
          primary: fromPathText(line.target ?? '', line.target_b64),
        }
        found.set(line.hardlink_group, [...(found.get(line.hardlink_group) ?? []), item])
      }
      return found
    },
    [Symbol.dispose]: () => groups[Symbol.dispose](),
  }
}
