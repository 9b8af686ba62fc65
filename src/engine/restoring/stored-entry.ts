import { Blake3Hasher } from '@napi-rs/blake-hash'
import { BastionError } from '../../core/errors.ts'
import { pathText } from '../../lib/byte-path.ts'
import { createOrderedLane } from '../../lib/ordered-lane.ts'
import type { ThreadPool } from '../../lib/thread-pool.ts'
import type { SeekTable } from '../formats/archive-v1/seek-table.ts'
import { readTarMember } from '../formats/archive-v1/tar-reader.ts'
import type { RangeReader } from '../formats/range-reader.ts'
import { checkMember, checkPlace } from './check-member.ts'
import { decodeFrame, maxFramePlainBytes, maxFrameStoredBytes } from './decode-frame.ts'
import type { ExtractAnswer, ExtractItem, ExtractTask } from './extract-protocol.ts'

/** The zstd stream of a payload and its frames. */
export interface Payload {
  reader: RangeReader
  table: SeekTable
}

/** The number of the frame that begins at `offset`. @throws artifact_damaged when none does */
export function frameAt(payload: Payload, offset: number): number {
  const { frames } = payload.table
  const frame = payload.table.frameAtOffset(offset)
  if (frame === undefined || frames.offsetOf(frame) !== offset)
    throw new BastionError('artifact_damaged', `the index points to ${offset}, where no frame begins`)
  if (frames.plainSizeOf(frame) > maxFramePlainBytes)
    throw new BastionError('artifact_damaged', `a frame of ${frames.plainSizeOf(frame)} bytes is larger than any that is written`)
  return frame
}

/** @throws artifact_damaged, also for a size no frame has, before room is made for it */
export async function readFrame(payload: Payload, frame: number, signal: AbortSignal): Promise<Uint8Array> {
  const { frames } = payload.table
  const storedBytes = frames.compressedSizeOf(frame)
  if (storedBytes > maxFrameStoredBytes)
    throw new BastionError('artifact_damaged', `a frame of ${storedBytes} bytes is larger than any that is written`)
  return await payload.reader.read(frames.offsetOf(frame), storedBytes, signal)
}

/**
 * Gives the content of one file, frame by frame, to `take`, and checks size and hash when it has given all.
 * @param pool decodes frames side by side; absent for small reads, which are decoded here
 * @throws artifact_damaged
 */
export async function streamFile(
  payload: Payload,
  item: ExtractItem,
  firstFrame: number,
  options: { pool?: ThreadPool<ExtractTask, ExtractAnswer>; signal: AbortSignal; take: (bytes: Uint8Array) => Promise<void> | void },
): Promise<void> {
  const { pool, signal, take } = options
  const { frames } = payload.table
  const lane = createOrderedLane(pool === undefined ? 1 : pool.size * 2)
  const hasher = new Blake3Hasher()
  checkPlace(item, frames.plainSizeOf(firstFrame))
  let head: Uint8Array | null = new Uint8Array(0)
  let left = item.size

  async function takePlain(plain: Uint8Array): Promise<void> {
    let data = plain
    if (head !== null) {
      head = head.byteLength === 0 ? plain.subarray(item.skip) : Buffer.concat([head, plain])
      const read = readTarMember(head, 0)
      if (read.kind === 'need-more') return
      if (read.kind !== 'member') throw new BastionError('artifact_damaged', `${pathText(item.path).text} is not where the index says`)
      checkMember(item, read.member)
      data = head.subarray(read.dataOffset)
      head = null
    }
    data = data.subarray(0, left)
    left -= data.byteLength
    hasher.update(data)
    if (data.byteLength > 0) await take(data)
  }

  // Each frame holds some of what is left, so there are never more than are needed.
  let planned = -item.skip
  for (let frame = firstFrame; frame < frames.count && planned < item.size + 512; frame++) {
    signal.throwIfAborted()
    const plainSize = frames.plainSizeOf(frame)
    planned += plainSize
    await lane.push(async () => {
      const bytes = await readFrame(payload, frame, signal)
      if (pool === undefined) return decodeFrame(bytes, plainSize)
      const answer = await pool.run({ kind: 'decode', frame: bytes, plainSize }, [bytes.buffer as ArrayBuffer])
      if (answer.kind !== 'decode') throw new Error(`a decode task was answered with ${answer.kind}`)
      return answer.plain
    }, takePlain)
  }
  await lane.drain()
  // Long extended headers can push the last bytes into one more frame than planned.
  for (let frame = nextFrame(payload, firstFrame, planned + item.skip); (left > 0 || head !== null) && frame < frames.count; frame++) {
    await takePlain(decodeFrame(await readFrame(payload, frame, signal), frames.plainSizeOf(frame)))
  }
  if (left > 0 || head !== null) throw new BastionError('artifact_damaged', `${pathText(item.path).text} ends before its ${item.size} bytes`)
  if (hasher.digest('hex') !== item.hash) {
    throw new BastionError('artifact_damaged', `${pathText(item.path).text} does not have the bytes its hash was made of`)
  }
}

/** The frame after those from `first` on that hold `plainBytes`. */
function nextFrame(payload: Payload, first: number, plainBytes: number): number {
  const { frames } = payload.table
  let frame = first
  for (let left = plainBytes; left > 0 && frame < frames.count; frame++) left -= frames.plainSizeOf(frame)
  return frame
}
