import { hasCode } from '../../../core/errors.ts'
import type { RangeReader } from '../range-reader.ts'
import { type ByteQueue, createByteQueue } from './byte-queue.ts'
import { createSeekTable, decodeSeekTable, isFrameSize, type SeekTable } from './seek-table.ts'

const frameMagic = 0xfd2fb528
/** Magic, descriptor, window, content size: the longest header of a frame; one byte of size is the least ours have. */
const maxHeaderBytes = 4 + 1 + 1 + 8
const minHeaderBytes = 4 + 1 + 1
const blockHeaderBytes = 3
const checksumBytes = 4

/**
 * The table of a zstd stream whose own is lost, made by walking from frame to frame (RFC 8878, 3.1.1) without decompressing. Ends where the stream does, or
 * where it is broken: what lies behind is not found. Reads all that it walks over.
 * @throws the target's errors · canceled
 */
export async function findFrames(reader: RangeReader, signal: AbortSignal): Promise<SeekTable> {
  const table = createSeekTable()
  const queue = createByteQueue(reader.stream(0, undefined, signal))
  let streamBytes = 0
  try {
    for (;;) {
      const start = queue.position
      const plainBytes = await passFrame(queue)
      const storedBytes = queue.position - start
      if (plainBytes === null || !isFrameSize(plainBytes) || !isFrameSize(storedBytes)) break
      table.add(storedBytes, plainBytes)
      streamBytes += storedBytes
    }
  } catch (error) {
    if (!hasCode(error, 'artifact_damaged')) throw error
  } finally {
    await queue.close()
  }
  const encoded = table.encode()
  return decodeSeekTable(encoded, streamBytes + encoded.byteLength)
}

/** Takes one frame and gives the bytes it promises; null when no whole frame of ours stands here. */
async function passFrame(queue: ByteQueue): Promise<number | null> {
  const header = await queue.peek(maxHeaderBytes)
  if (header.length < minHeaderBytes || header.readUInt32LE(0) !== frameMagic) return null
  const descriptor = header.readUInt8(4)
  const isSingleSegment = (descriptor & 0x20) !== 0
  const sizeBytes = [isSingleSegment ? 1 : 0, 2, 4, 8][descriptor >>> 6] ?? 0
  // Ours give their size and need no dictionary.
  if (sizeBytes === 0 || (descriptor & 0x03) !== 0) return null
  const sizeAt = isSingleSegment ? 5 : 6
  if (header.length < sizeAt + sizeBytes) return null
  const plainBytes = sizeBytes === 8 ? Number(header.readBigUInt64LE(sizeAt)) : header.readUIntLE(sizeAt, sizeBytes) + (sizeBytes === 2 ? 256 : 0)
  await queue.skip(sizeAt + sizeBytes)
  for (let isLast = false; !isLast;) {
    const bytes = await queue.peek(blockHeaderBytes)
    if (bytes.length < blockHeaderBytes) return null
    const block = bytes.readUIntLE(0, blockHeaderBytes)
    isLast = (block & 1) === 1
    const type = (block >>> 1) & 3
    // A run-length block (1) stores one byte, whatever it expands to; 3 is none.
    if (type === 3 || !(await queue.skip(blockHeaderBytes + (type === 1 ? 1 : block >>> 3)))) return null
  }
  return (descriptor & 0x04) === 0 || (await queue.skip(checksumBytes)) ? plainBytes : null
}
