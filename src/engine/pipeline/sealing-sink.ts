import { freeChunk } from './given-memory.ts'
import { ageChunkBytes } from '../crypto/age-stream.ts'
import { createOrderedLane } from '../../lib/ordered-lane.ts'
import type { ThreadPool } from '../../lib/thread-pool.ts'
import type { PackAnswer, PackTask } from './pack-protocol.ts'
import type { ByteSink } from './parts-writer.ts'

/** Encrypted per task: enough that the message costs nothing beside the work. */
const blockChunks = 16
const blockBytes = blockChunks * ageChunkBytes

/**
 * An age stream (its header already written to `inner`) encrypted in the packing threads, block by block, and written in order.
 * The final chunk is never empty unless the stream is, hence a full block waits until more follows.
 */
export function createSealingSink(inner: ByteSink, pool: ThreadPool<PackTask, PackAnswer>): ByteSink {
  const lane = createOrderedLane(pool.size * 3)
  const free: ArrayBuffer[] = []
  let block = Buffer.from(new ArrayBuffer(blockBytes))
  let filled = 0
  let sealedChunks = 0

  function seal(last: boolean): Promise<void> {
    const buffer = block.buffer
    const task: PackTask = { kind: 'seal', buffer, length: filled, firstChunk: sealedChunks, last }
    sealedChunks += blockChunks
    block = Buffer.from(free.pop() ?? new ArrayBuffer(blockBytes))
    filled = 0
    return lane.push(
      () => pool.run(task, [buffer]),
      async (answer) => {
        if (answer.kind !== 'seal') throw new Error(`a seal task was answered with ${answer.kind}`)
        free.push(answer.buffer)
        await inner.write(answer.sealed)
      },
    )
  }

  return {
    async write(chunk) {
      let rest = chunk
      while (rest.byteLength > 0) {
        if (filled === blockBytes) await seal(false)
        const piece = rest.subarray(0, blockBytes - filled)
        block.set(piece, filled)
        filled += piece.byteLength
        rest = rest.subarray(piece.byteLength)
      }
      freeChunk(chunk)
    },
    async end() {
      await seal(true)
      await lane.drain()
      await inner.end()
    },
  }
}
