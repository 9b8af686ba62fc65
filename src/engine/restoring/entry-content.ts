import { Blake3Hasher } from '@napi-rs/blake-hash'
import { createByteChannel } from '../../lib/byte-channel.ts'
import type { IndexedEntry } from '../formats/index-entry.ts'
import type { Artifact } from '../open-artifact.ts'
import { readEntry } from '../read-entry.ts'
import type { Body, Replayable } from '../targets/target.ts'
import { decodeFrame } from './decode-frame.ts'
import { extractItemOf } from './extract-item.ts'
import { memberInFrame } from './member-in-frame.ts'
import { frameAt, readFrame } from './stored-entry.ts'

/** Gives the contents of files, one after the other, to be stored somewhere else. */
export interface EntryContent {
  /**
   * The content of a file: its bytes, checked; or a stream of them, read anew each time, whose last chunk comes when size and hash are checked.
   * @throws artifact_damaged, as the stream does
   */
  of(entry: IndexedEntry): Promise<Body>
}

/** Neighbours share a frame, and files that were packed once more stand in others. */
const framesKept = 2
const channelBytes = 4 * 1024 * 1024

export function createEntryContent(artifact: Artifact, options: { damaged: boolean; signal: AbortSignal }): EntryContent {
  const { damaged, signal } = options
  const hasher = new Blake3Hasher()
  const frames = new Map<number, Uint8Array>()

  async function frame(offset: number): Promise<Uint8Array> {
    const payload = await (damaged ? artifact.salvagedPayload() : artifact.payload())
    const number = frameAt(payload, offset)
    const plain = frames.get(number) ?? decodeFrame(await readFrame(payload, number, signal), payload.table.frames.plainSizeOf(number))
    frames.delete(number)
    frames.set(number, plain)
    for (const oldest of frames.keys()) if (frames.size > framesKept) frames.delete(oldest)
    return plain
  }

  return {
    async of(entry) {
      const whole = entry.at === undefined ? null : memberInFrame(extractItemOf(entry), await frame(entry.at[0]), hasher)
      if (whole !== null && whole.sparse === undefined) return whole.data
      return replayable((take) => readEntry(artifact, entry.bytes, { damaged, signal, take }))
    },
  }
}

/** What is pushed by `give`, to be pulled; the last chunk comes when `give` has ended well. */
function replayable(give: (take: (chunk: Uint8Array) => Promise<void>) => Promise<void>): Replayable {
  async function* pulled(): AsyncGenerator<Uint8Array> {
    const channel = createByteChannel(channelBytes)
    const giving = give((chunk) => channel.write(chunk)).then(channel.end, channel.fail)
    let last: Uint8Array | undefined
    try {
      for await (const chunk of channel) {
        if (last !== undefined) yield last
        last = chunk
      }
      if (last !== undefined) yield last
    } finally {
      channel.fail(new Error('nobody reads it any more'))
      await giving
    }
  }
  return { replayable: true, [Symbol.asyncIterator]: pulled }
}
