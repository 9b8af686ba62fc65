import type { BytePath } from '../../lib/byte-path.ts'
import { FileStat, fileStatWords, type FileStater } from '../../lib/file-stat.ts'
import type { EntryFields } from '../formats/entry-line.ts'
import { lookAtOther } from './look-at-other.ts'
import type { InodeFacts, PackedItem, PackItem } from './pack-protocol.ts'
import { notStored } from './packed-item.ts'
import type { FileRef } from './read-file.ts'

/** How a format packs one entry. */
export interface EntryPacker<Item extends PackItem, Packed extends PackedItem> {
  stater: FileStater
  /** @param listed what it was when it was listed; null when it is to be looked at anew */
  packFile(item: Item, file: FileRef, listed: FileStat | null): Packed
  /** Everything that has no content of its own. @param link where it points · `device` which one it is */
  packOther(item: Item, facts: InodeFacts, link?: BytePath, device?: EntryFields['device']): Packed
  /** A name of a file that is stored under no other name: the item of a file of its own. */
  asFile(item: Item): Item
}

/**
 * Packs the items of one batch, told one after the other: each by what it is, and a name of a file met before as a link to it, if it is stored and still the same file.
 * @param stats a `FileStat` for each item, as it was listed, or zeros
 */
export function batchPacker<Item extends PackItem, Packed extends PackedItem>(
  stats: Uint32Array,
  packer: EntryPacker<Item, Packed>,
): (item: Item, index: number) => Packed | PackedItem {
  /** Of names that were to hold the content of their group and do not: the name that does, null while there is none. */
  const failed = new Map<BytePath, BytePath | null>()

  function packLink(item: Item, stat: FileStat, file: FileRef): Packed {
    // The name may have become another file since it was listed, and the one it would link to may not have been stored.
    const primary = failed.has(item.primary!) ? failed.get(item.primary!)! : item.primary!
    if (primary !== null && stat.fileId === item.linkId) return packer.packOther(item, stat, primary)
    const packed = packer.packFile(packer.asFile(item), file, null)
    if (primary !== null || !packed.holdsGroup) return packed
    failed.set(item.primary!, item.path)
    return packed
  }

  function packItem(item: Item, listed: FileStat | null): Packed | PackedItem {
    const physical = item.physical ?? `/${item.path}`
    const file = { path: item.path, physical, followed: item.followed === true, frozen: item.frozen !== undefined }
    if (item.kind === 'file') return packer.packFile(item, file, listed)
    if (item.inode !== undefined) return packer.packOther(item, item.inode, item.primary)
    const looked = lookAtOther(item, physical, packer.stater)
    if (!('stat' in looked)) return notStored(item, looked)
    if (item.kind === 'hardlink') return packLink(item, looked.stat, file)
    return packer.packOther(item, looked.stat, looked.link, looked.device)
  }

  return (item, index) => {
    const listed = new FileStat(stats, index * fileStatWords)
    const packed = packItem(item, listed.isFile ? listed : null)
    if (item.kind === 'file' && item.group !== undefined && packed.holdsGroup !== true) failed.set(item.path, null)
    return packed
  }
}
