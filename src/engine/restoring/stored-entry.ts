import { Blake3Hasher } from '@napi-rs/blake-hash'
import { BastionError } from '../../core/errors.ts'
import { pathText } from '../../lib/byte-path.ts'
import { createOrderedLane } from '../../lib/ordered-lane.ts'
import type { ThreadPool } from '../../lib/thread-pool.ts'
import type { AgeRangeReader } from '../crypto/age-range-reader.ts'
import type { SeekTable } from '../formats/archive-v1/seek-table.ts'
import { encodeSparseMap } from '../formats/archive-v1/tar-header.ts'
import { readTarMember } from '../formats/archive-v1/tar-reader.ts'
import type { RangeReader } from '../formats/range-reader.ts'
import { checkMember, checkPlace } from './check-member.ts'
import { decodeFrame, maxFramePlainBytes, maxFrameStoredBytes } from './decode-frame.ts'
import type { SparseLayout } from './sparse-layout.ts'
import type { ExtractAnswer, ExtractItem, ExtractTask, PutData, StoredFrame } from './extract-protocol.ts'

/** The zstd stream of a payload and its frames. */
export interface Payload {
  reader: RangeReader
  sealed: AgeRangeReader | null
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
  const { offset, length } = placeOf(payload, frame)
  return await payload.reader.read(offset, length, signal)
}

/** As it is stored, for a thread that decrypts it: as {@link readFrame} */
export async function readStoredFrame(payload: Payload, frame: number, signal: AbortSignal): Promise<StoredFrame> {
  const { offset, length } = placeOf(payload, frame)
  const { reader, sealed } = payload
  const plainSize = payload.table.frames.plainSizeOf(frame)
  if (sealed === null) return { bytes: await reader.read(offset, length, signal), plainSize }
  const { bytes, range } = await sealed.readSealed(offset, length, signal)
  return { bytes, plainSize, sealed: range }
}

function placeOf({ table: { frames } }: Payload, frame: number): { offset: number; length: number } {
  const length = frames.compressedSizeOf(frame)
  if (length > maxFrameStoredBytes) throw new BastionError('artifact_damaged', `a frame of ${length} bytes is larger than any that is written`)
  return { offset: frames.offsetOf(frame), length }
}

/**
 * Gives the data of one file, frame by frame, to `take`, and checks size and hash when it has given all.
 * @param pool decodes frames side by side; absent for small reads, which are decoded here. With it nothing that was given to `take` is there any more when that has ended
 * @param fd of a file that is filled with the data: what the pool decodes its threads write there themselves, each at its place, and `take` gets the rest, which comes first. Not for the
 * data of a sparse file; nobody writes there any more when this has ended, in whatever way
 * @param onSparse called before the first `take` of a sparse file, whose data comes without its holes
 * @throws artifact_damaged; the system's error
 */
export async function streamFile(
  payload: Payload,
  item: ExtractItem,
  firstFrame: number,
  options: {
    pool?: ThreadPool<ExtractTask, ExtractAnswer>
    fd?: number
    signal: AbortSignal
    onSparse?: (layout: SparseLayout) => void
    take: (bytes: Uint8Array) => Promise<void> | void
  },
): Promise<void> {
  const { pool, signal, take } = options
  const fd = pool === undefined ? undefined : options.fd
  const { frames } = payload.table
  const lane = createOrderedLane(pool === undefined ? 1 : pool.size * 2)
  const hasher = new Blake3Hasher()
  checkPlace(item, frames.plainSizeOf(firstFrame))
  let head: Uint8Array = new Uint8Array(0)
  /** of data; `null` until the member's header is read */
  let left: number | null = null
  let isSparse = false

  async function takePlain(plain: Uint8Array, isPut: boolean): Promise<void> {
    let data = plain
    if (left === null) {
      head = head.byteLength === 0 ? plain.subarray(item.skip) : Buffer.concat([head, plain])
      const read = readTarMember(head, 0)
      if (read.kind === 'need-more') return
      if (read.kind !== 'member') throw new BastionError('artifact_damaged', `${pathText(item.path).text} is not where the index says`)
      checkMember(item, read.member)
      const { sparse, sizeBytes } = read.member
      left = sizeBytes
      data = head.subarray(read.dataOffset)
      isSparse = sparse !== undefined
      if (sparse !== undefined) {
        hasher.update(encodeSparseMap(sparse.map, sparse.realSizeBytes))
        options.onSparse?.(sparse)
      }
    }
    data = data.subarray(0, left)
    left -= data.byteLength
    hasher.update(data)
    if (data.byteLength > 0 && !isPut) await take(data)
    // Freed at once, not when the collector gets to it: frames are large and come fast.
    if (pool !== undefined) (plain.buffer as ArrayBuffer).transfer(0)
  }

  async function decode(frame: number, put: PutData | undefined): Promise<Uint8Array> {
    signal.throwIfAborted()
    if (pool === undefined) return decodeFrame(await readFrame(payload, frame, signal), frames.plainSizeOf(frame))
    const stored = await readStoredFrame(payload, frame, signal)
    const answer = await pool.run({ kind: 'decode', frame: stored, ...(put && { put }) }, [stored.bytes.buffer as ArrayBuffer])
    if (answer.kind !== 'decode') throw new Error(`a decode task was answered with ${answer.kind}`)
    return answer.plain
  }

  try {
    let frame = firstFrame
    // Until the header is whole nobody knows how much follows; then each frame that is asked for holds some of what is left.
    while ((left ?? 1) > 0 && frame < frames.count) {
      const needed = left ?? 0
      let planned = 0
      do {
        const next = frame++
        const sizeBytes = Math.min(frames.plainSizeOf(next), needed - planned)
        const put = fd !== undefined && left !== null && !isSparse ? { fd, position: item.size - needed + planned, sizeBytes } : undefined
        planned += frames.plainSizeOf(next)
        await lane.push(
          () => decode(next, put),
          (plain) => takePlain(plain, put !== undefined),
        )
      } while (planned < needed && frame < frames.count)
      await lane.drain()
    }
  } finally {
    await lane.close()
  }
  if (left !== 0) throw new BastionError('artifact_damaged', `${pathText(item.path).text} ends before its ${item.size} bytes`)
  if (hasher.digest('hex') !== item.hash) {
    throw new BastionError('artifact_damaged', `${pathText(item.path).text} does not have the bytes its hash was made of`)
  }
}
