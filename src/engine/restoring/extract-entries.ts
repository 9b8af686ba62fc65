import { BastionError } from '../../core/errors.ts'
import { createOrderedLane } from '../../lib/ordered-lane.ts'
import { type ThreadPool, threadModule } from '../../lib/thread-pool.ts'
import { createEngineThreads } from '../engine-threads.ts'
import type { ExtractAnswer, ExtractItem, ExtractOutcome, ExtractTask, ExtractThreadData } from './extract-protocol.ts'
import { failureOutcome } from './failure-outcome.ts'
import type { EntryPlacer } from './place-entry.ts'
import { frameAt, type Payload, readStoredFrame, streamFile } from './stored-entry.ts'

export function createExtractPool(workerData: ExtractThreadData): ThreadPool<ExtractTask, ExtractAnswer> {
  return createEngineThreads(threadModule(import.meta.url, './extract-worker'), workerData)
}

/**
 * Checks or restores entries that have a place in the payload, many at a time. To be disposed of before its pool and its placer are: a file that is on its
 * way then leaves nothing behind.
 */
export interface EntryExtractor extends AsyncDisposable {
  /** In index order, which is the order of the payload but for superseding members: those stand at its end. A promise only when there is something to wait for. */
  add(item: ExtractItem, frameOffset: number, supersedes: boolean): Promise<void> | undefined
  drain(): Promise<void>
}

/** Entries that stand elsewhere than their neighbours: superseding members at the end. Ours are at most 100 000. */
const maxLate = 1_000_000

/**
 * Groups neighbours of one frame into one task: each frame is fetched and decompressed once.
 * @param options.placer restores files larger than a frame; `null` only checks
 * @param options.onOutcome called once for each item
 */
export function createEntryExtractor(options: {
  payload: Payload
  pool: ThreadPool<ExtractTask, ExtractAnswer>
  placer: EntryPlacer | null
  signal: AbortSignal
  onOutcome: (item: ExtractItem, outcome: ExtractOutcome) => void
}): EntryExtractor {
  const { payload, pool, placer, onOutcome } = options
  const givenUp = new AbortController()
  const signal = AbortSignal.any([options.signal, givenUp.signal])
  const lane = createOrderedLane(pool.size * 2)
  let frameOffset = -1
  let items: ExtractItem[] = []
  let late: { item: ExtractItem; frameOffset: number }[] = []

  async function flush(): Promise<void> {
    if (items.length === 0) return
    const [batch, offset] = [items, frameOffset]
    items = []
    signal.throwIfAborted()
    await lane.push(
      async () => {
        try {
          const frame = frameAt(payload, offset)
          const stored = await readStoredFrame(payload, frame, signal)
          const answer = await pool.run({ kind: 'frame', frame: stored, items: batch, restore: placer !== null }, [
            stored.bytes.buffer as ArrayBuffer,
          ])
          if (answer.kind !== 'frame') throw new Error(`a frame task was answered with ${answer.kind}`)
          return answer.outcomes
        } catch (error) {
          // A damaged frame takes down the entries in it and no others.
          if (error instanceof BastionError && error.code === 'artifact_damaged')
            return batch.map((): ExtractOutcome => ({ kind: 'damaged', message: error.message }))
          throw error
        }
      },
      async (outcomes) => {
        for (const [i, outcome] of outcomes.entries()) {
          const item = batch[i]!
          onOutcome(item, outcome.kind === 'spans' ? await large(item, offset) : outcome)
        }
      },
    )
  }

  async function large(item: ExtractItem, offset: number): Promise<ExtractOutcome> {
    try {
      if (placer === null) {
        await streamFile(payload, item, frameAt(payload, offset), { pool, signal, take: () => {} })
        return { kind: 'done', bytes: item.size }
      }
      const begun = placer.beginFile(item)
      if ('outcome' in begun) return begun.outcome
      try {
        await streamFile(payload, item, frameAt(payload, offset), {
          pool,
          fd: begun.file.fd,
          signal,
          onSparse: (layout) => begun.file.spread(layout),
          take: (bytes) => begun.file.write(bytes),
        })
      } catch (error) {
        begun.file.drop()
        throw error
      }
      return begun.file.place()
    } catch (error) {
      return failureOutcome(item.to, error)
    }
  }

  function addInOrder(item: ExtractItem, offset: number): Promise<void> | undefined {
    const waiting = offset === frameOffset ? undefined : flush()
    frameOffset = offset
    items.push(item)
    return waiting
  }

  return {
    add(item, offset, supersedes) {
      if (supersedes || offset < frameOffset) {
        if (late.length >= maxLate) throw new BastionError('artifact_damaged', 'the entries of the index point all over the payload')
        late.push({ item, frameOffset: offset })
        return undefined
      }
      return addInOrder(item, offset)
    },
    async drain() {
      await flush()
      const rest = late.toSorted((a, b) => a.frameOffset - b.frameOffset || a.item.skip - b.item.skip)
      late = []
      frameOffset = -1
      for (const one of rest) await addInOrder(one.item, one.frameOffset)
      await flush()
      await lane.drain()
    },
    async [Symbol.asyncDispose]() {
      givenUp.abort(new BastionError('canceled', 'the rest was given up'))
      await lane.close()
    },
  }
}
