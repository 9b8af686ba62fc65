import type { PackedItem, PackAnswer, PackItem, PackTask } from './pack-protocol.ts'
import { createOrderedLane } from '../../lib/ordered-lane.ts'
import type { FileStat } from '../../lib/file-stat.ts'
import type { ThreadPool } from '../../lib/thread-pool.ts'
import { freeChunk } from './given-memory.ts'
import type { MemberPlace } from '../formats/entry-line.ts'
import { createItemBatch } from './item-batch.ts'
import type { PayloadWriter } from './payload-writer.ts'
import type { SourceTools } from './source-tools.ts'
import { packLargeFile } from './pack-large-file.ts'

/** What became of an item. @param line its index line, still open for its place; empty when nothing was stored */
export type OnPacked = (item: PackItem, packed: PackedItem, line: Uint8Array, place: MemberPlace) => void

/** Turns items into tar members in frames, in order; small ones whole in the threads, large ones read here and compressed there. */
export interface MemberPacker {
  /** Items packed and told so far. */
  readonly packedCount: number
  /** Whether a hard link added now would be packed together with item `itemNumber` (counted from 0): then the thread itself sees what became of that one. */
  isOpen(itemNumber: number): boolean
  /** A promise only when there is something to wait for. @param listed what the item was when it was listed, copied here */
  add(item: PackItem, listed: FileStat | null): Promise<void> | undefined
  /** Packs what is waiting for its frame to fill, and waits until all is told. */
  drain(): Promise<void>
  /** Drains and writes the end of the archive. */
  end(): Promise<void>
}

/** A header with the pax records most files need. */
const usualHeaderBytes = 3 * 512
/** The most a hard link's name counts for: a path of PATH_MAX bytes. */
const linkBytes = usualHeaderBytes + 4096

export function createMemberPacker(options: {
  pool: ThreadPool<PackTask, PackAnswer>
  payload: PayloadWriter
  frameBytes: number
  tools: SourceTools
  signal: AbortSignal
  /** Called in the order of the items, one at a time. */
  onPacked: OnPacked
}): MemberPacker {
  const { pool, payload, frameBytes, tools, signal, onPacked } = options
  const lane = createOrderedLane(pool.size * 2)
  const freeBuffers: ArrayBuffer[] = []
  const batch = createItemBatch<PackItem>()
  let packedCount = 0
  let addedCount = 0

  function tell(item: PackItem, packed: PackedItem, line: Uint8Array, place: MemberPlace): void {
    packedCount += 1
    onPacked(item, packed, line, place)
  }

  function flush(): Promise<void> {
    const { items, stats } = batch.take()
    if (items.length === 0) return Promise.resolve()
    return lane.push(
      () => pool.run({ kind: 'entries', items, stats }, [stats.buffer]),
      async (answer) => {
        if (answer.kind !== 'entries') throw new Error(`an entries task was answered with ${answer.kind}`)
        const frameOffset = payload.offset
        if (answer.frame !== null) await payload.append(answer.frame, answer.tarBytes)
        let lineAt = 0
        answer.items.forEach((packed, i) => {
          const line = answer.lines.subarray(lineAt, (lineAt += packed.lineBytes))
          tell(items[i]!, packed, line, packed.skip < 0 ? null : [frameOffset, packed.skip])
        })
        freeChunk(answer.lines)
      },
    )
  }

  async function addLarge(item: PackItem): Promise<void> {
    await flush()
    let place: MemberPlace = null
    const { packed, line } = await packLargeFile(item, {
      frameBytes,
      tools,
      signal,
      takeBuffer: () => freeBuffers.pop() ?? new ArrayBuffer(frameBytes + 64 * 1024),
      piece: (buffer, length) =>
        lane.push(
          () => pool.run({ kind: 'bytes', buffer, length }, [buffer]),
          async (answer) => {
            if (answer.kind !== 'bytes') throw new Error(`a bytes task was answered with ${answer.kind}`)
            freeBuffers.push(answer.buffer)
            place ??= [payload.offset, 0]
            await payload.append(answer.frame, length)
          },
        ),
    })
    await lane.push(
      () => Promise.resolve(),
      () => tell(item, packed, line, place),
    )
  }

  return {
    get packedCount() {
      return packedCount
    },
    add(item, listed) {
      const bytes = usualHeaderBytes + item.path.length + (item.kind === 'file' ? item.sizeBytes : 0)
      addedCount += 1
      if (bytes > frameBytes) return addLarge(item)
      const full = batch.bytes + bytes > (item.kind === 'hardlink' ? 2 : 1) * frameBytes
      const waiting = full ? flush() : undefined
      batch.add(item, listed, bytes)
      return waiting
    },
    isOpen: (itemNumber) => itemNumber >= addedCount - batch.count && batch.bytes + linkBytes <= 2 * frameBytes,
    async drain() {
      await flush()
      await lane.drain()
    },
    async end() {
      await flush()
      // Two blocks of zeros end a tar archive.
      const zeros = new ArrayBuffer(1024)
      await lane.push(
        () => pool.run({ kind: 'bytes', buffer: zeros, length: zeros.byteLength }, [zeros]),
        async (answer) => {
          if (answer.kind === 'bytes') await payload.append(answer.frame, 1024)
        },
      )
      await lane.drain()
    },
  }
}
