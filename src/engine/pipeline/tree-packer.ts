import type { BytePath } from '../../lib/byte-path.ts'
import { createOrderedLane } from '../../lib/ordered-lane.ts'
import type { ThreadPool } from '../../lib/thread-pool.ts'
import { oddName } from '../formats/raw-tree-v1/object-name.ts'
import { createItemBatch } from './item-batch.ts'
import type { MemberPacker, OnPacked } from './member-packer.ts'
import type { TreeObjects } from './store-tree-objects.ts'
import type { TreeNames } from './tree-names.ts'
import type { TreeAnswer, TreeItem, TreePacked, TreeTask } from './tree-protocol.ts'

/**
 * Entries for one thread at a time: enough to make a message cheap, few enough that others have something to do. `contents` is the most they have of them, in times of what is read whole:
 * what is stored elsewhere is held until it is.
 */
const batchSizes = { here: { items: 512, contents: 8 }, elsewhere: { items: 128, contents: 1 } } as const
const batchesElsewhere = 4

/** Where files with more names stand, if not under their own: links and the settle pass ask for them. `null`: a name that is in the index only. */
export type Elsewhere = Map<BytePath, string | null>

/**
 * The packer of a tree, in the place of the one that makes tar members: it decides where each item goes and gives it to a thread.
 * @param options.objects stores what threads have read; null where threads store it themselves
 * @param options.wholeBytes files up to this size are read whole
 * @param options.finish runs when all is packed, before `end` resolves
 */
export function createTreePacker(options: {
  pool: ThreadPool<TreeTask, TreeAnswer>
  names: TreeNames
  elsewhere: Elsewhere
  objects: TreeObjects | null
  wholeBytes: number
  finish: () => Promise<void>
  onPacked: OnPacked
}): MemberPacker {
  const { pool, names, elsewhere, objects, wholeBytes, onPacked } = options
  const size = batchSizes[objects === null ? 'here' : 'elsewhere']
  const mostBytes = size.contents * wholeBytes
  /** The batch a hard link belongs to is kept open for it. */
  const itemsWithLinks = 2 * size.items
  const lane = createOrderedLane(objects === null ? pool.size * 4 : batchesElsewhere)
  const batch = createItemBatch<TreeItem>()
  let packedCount = 0
  let addedCount = 0

  function tell(item: TreeItem, packed: TreePacked, line: Uint8Array): void {
    packedCount += 1
    place(item, packed.object)
    onPacked(item, packed, line, null)
  }

  /** The settle pass gets the item as it is then. */
  function place(item: TreeItem, object: string | null | undefined): void {
    if (object === undefined) return
    item.object = object
    if (item.group !== undefined) elsewhere.set(item.path, object)
  }

  function flush(): Promise<void> {
    const { items, stats } = batch.take()
    if (items.length === 0) return Promise.resolve()
    return lane.push(
      async () => {
        const answer = await pool.run({ kind: 'entries', items, stats }, [stats.buffer])
        if (answer.kind !== 'entries') throw new Error(`an entries task was answered with ${answer.kind}`)
        await objects?.storeBatch(items, answer)
        return answer
      },
      (answer) => {
        let lineAt = 0
        answer.items.forEach((packed, i) => tell(items[i]!, packed, answer.lines.subarray(lineAt, (lineAt += packed.lineBytes))))
      },
    )
  }

  async function addLarge(item: TreeItem, store: TreeObjects['storeLarge']): Promise<void> {
    await flush()
    await lane.push(
      () => store(item),
      ({ packed, line }) => tell(item, packed, line),
    )
  }

  function choosePlace(item: TreeItem): void {
    if (item.supersedes === true) {
      const object = elsewhere.get(item.path)
      if (object !== undefined) item.object = object
    } else if (!names.canHold(item.path, item.kind === 'dir')) {
      place(item, item.kind === 'file' ? oddName(item.path) : null)
    }
    const primary = item.primary === undefined ? undefined : elsewhere.get(item.primary)
    if (typeof primary === 'string') item.primaryObject = primary
  }

  const packer: MemberPacker = {
    get packedCount() {
      return packedCount
    },
    add(item, listed) {
      choosePlace(item)
      addedCount += 1
      const bytes = item.kind === 'file' ? item.sizeBytes : 0
      if (bytes > wholeBytes && objects !== null) return addLarge(item, objects.storeLarge)
      const limit = item.kind === 'hardlink' ? itemsWithLinks : size.items
      const isFull = batch.count >= limit || batch.bytes + bytes > mostBytes
      const waiting = isFull ? flush() : undefined
      batch.add(item, listed, bytes)
      return waiting
    },
    isOpen: (itemNumber) => itemNumber >= addedCount - batch.count && batch.count < itemsWithLinks && batch.bytes <= mostBytes,
    async drain() {
      await flush()
      await lane.drain()
    },
    async end() {
      await packer.drain()
      await options.finish()
    },
  }
  return packer
}
