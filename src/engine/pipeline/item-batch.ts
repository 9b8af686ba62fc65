import { type FileStat, fileStatWords } from '../../lib/file-stat.ts'

/** Items on their way to a thread, each with what it was when it was listed. */
export interface ItemBatch<Item> {
  readonly count: number
  /** as counted by who adds */
  readonly bytes: number
  /** @param listed copied here; null where there is more to know only when it is read */
  add(item: Item, listed: FileStat | null, bytes: number): void
  /** All of them, in order. `stats`: a `FileStat` for each, or zeros. */
  take(): { items: Item[]; stats: Uint32Array<ArrayBuffer> }
}

export function createItemBatch<Item>(): ItemBatch<Item> {
  let items: Item[] = []
  let stats = new Uint32Array(256 * fileStatWords)
  let bytes = 0

  function keepStat(stat: FileStat): void {
    const at = items.length * fileStatWords
    if (at + fileStatWords > stats.length) {
      const larger = new Uint32Array(2 * stats.length)
      larger.set(stats)
      stats = larger
    }
    for (let word = 0; word < fileStatWords; word++) stats[at + word] = stat.words[stat.at + word]!
  }

  return {
    get count() {
      return items.length
    },
    get bytes() {
      return bytes
    },
    add(item, listed, itemBytes) {
      if (listed !== null) keepStat(listed)
      items.push(item)
      bytes += itemBytes
    },
    take() {
      const taken = { items, stats: stats.slice(0, items.length * fileStatWords) }
      items = []
      stats.fill(0)
      bytes = 0
      return taken
    },
  }
}
