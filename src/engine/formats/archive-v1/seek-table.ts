import { BastionError } from '../../../core/errors.ts'

/**
 * The seek table of the zstd seekable format 0.1.0 (zstd, contrib/seekable_format): a skippable frame at the end of a stream of zstd frames,
 * listing the size of each before and after compression. Decoders that do not know it skip it.
 *
 *     magic 0x184D2A5E, size | per frame: compressed size, plain size [, checksum] | frame count, descriptor, magic 0x8F92EAB1
 */
const skippableMagic = 0x184d2a5e
const seekableMagic = 0x8f92eab1
const headerBytes = 8
const entryBytes = 8
const checksummedEntryBytes = 12
const checksumFlag = 0x80
const reservedFlags = 0x7c
const maxFrames = 2 ** 27
const maxFrameBytes = 2 ** 32 - 1
/** No frame is shorter than a magic number and a size, so a footer cannot promise more frames than the stream has room for. */
const minFrameBytes = 8

/** How many of a stream's last bytes {@link seekTableSize} needs. */
export const seekTableFooterBytes = 9

export interface SeekTableBuilder {
  readonly frameCount: number
  /**
   * The next frame of the stream. Sizes in bytes, each below 4 GiB.
   * @throws BastionError unsupported for one frame more than 2^27
   */
  add(compressedSize: number, decompressedSize: number): void
  /** The skippable frame that ends the stream. */
  encode(): Uint8Array
}

export interface SeekTable {
  /** how many bytes of the stream the table itself takes, at its end */
  readonly tableSizeBytes: number
  readonly plainSizeBytes: number
  readonly frames: SeekTableFrames
  /** The frame that holds the byte at `offset` of the compressed stream; none when `offset` is outside the frames. */
  frameAtOffset(offset: number): number | undefined
  /** The frame that holds the byte at `offset` of the decompressed stream; none beyond its end. */
  frameAtPlain(offset: number): number | undefined
}

/** Frames are numbered from 0; an index outside 0 … count − 1 throws a RangeError. Offsets and sizes are bytes. */
export interface SeekTableFrames {
  readonly count: number
  offsetOf(frame: number): number
  compressedSizeOf(frame: number): number
  plainOffsetOf(frame: number): number
  plainSizeOf(frame: number): number
}

export function createSeekTable(): SeekTableBuilder {
  let sizes = new Uint32Array(512)
  let frameCount = 0
  return {
    get frameCount() {
      return frameCount
    },
    add(compressedSize, decompressedSize) {
      if (!isFrameSize(compressedSize) || compressedSize < minFrameBytes || !isFrameSize(decompressedSize)) {
        throw new RangeError(`a zstd frame of ${compressedSize} bytes, ${decompressedSize} decompressed, does not fit a seek table`)
      }
      if (frameCount === maxFrames) throw new BastionError('unsupported', `A stream of more than ${maxFrames} frames does not fit a seek table.`)
      if (frameCount * 2 === sizes.length) {
        const grown = new Uint32Array(sizes.length * 2)
        grown.set(sizes)
        sizes = grown
      }
      sizes[frameCount * 2] = compressedSize
      sizes[frameCount * 2 + 1] = decompressedSize
      frameCount += 1
    },
    encode() {
      const bytes = Buffer.alloc(headerBytes + frameCount * entryBytes + seekTableFooterBytes)
      bytes.writeUInt32LE(skippableMagic, 0)
      bytes.writeUInt32LE(bytes.length - headerBytes, 4)
      for (let i = 0; i < frameCount * 2; i += 1) bytes.writeUInt32LE(sizes[i] ?? 0, headerBytes + i * 4)
      const footer = bytes.length - seekTableFooterBytes
      bytes.writeUInt32LE(frameCount, footer)
      bytes.writeUInt32LE(seekableMagic, footer + 5)
      return bytes
    },
  }
}

/**
 * How many of the stream's last bytes are its seek table.
 *
 * @param tail the last bytes of the stream, at least {@link seekTableFooterBytes}
 * @throws BastionError artifact_damaged when they are not the end of a seek table that this stream can have
 */
export function seekTableSize(tail: Uint8Array, streamSizeBytes: number): number {
  if (tail.length < seekTableFooterBytes || streamSizeBytes < tail.length) throw damaged('the stream is shorter than a seek table')
  const footer = viewOf(tail, tail.length - seekTableFooterBytes)
  if (footer.getUint32(5, true) !== seekableMagic) throw damaged('the stream does not end with a seek table')
  const descriptor = footer.getUint8(4)
  if ((descriptor & reservedFlags) !== 0) throw damaged('the seek table uses reserved flags')
  const frameCount = footer.getUint32(0, true)
  if (frameCount > maxFrames) throw damaged(`the seek table lists ${frameCount} frames, more than ${maxFrames}`)
  const sizeBytes = headerBytes + frameCount * entryBytesFor(descriptor) + seekTableFooterBytes
  if (sizeBytes + frameCount * minFrameBytes > streamSizeBytes) throw damaged(`the stream has no room for ${frameCount} frames`)
  return sizeBytes
}

/**
 * The seek table of a stream of `streamSizeBytes`, which must consist of exactly the frames it lists and the table.
 *
 * @param tail the last bytes of the stream, at least {@link seekTableSize} of them
 * @throws BastionError artifact_damaged for anything else
 */
export function decodeSeekTable(tail: Uint8Array, streamSizeBytes: number): SeekTable {
  const tableSizeBytes = seekTableSize(tail, streamSizeBytes)
  if (tail.length < tableSizeBytes) throw damaged('the seek table is cut short')
  const table = viewOf(tail, tail.length - tableSizeBytes)
  if (table.getUint32(0, true) !== skippableMagic || table.getUint32(4, true) !== tableSizeBytes - headerBytes) {
    throw damaged('the seek table does not begin where its end says')
  }
  const stride = entryBytesFor(table.getUint8(tableSizeBytes - 5))
  const count = (tableSizeBytes - headerBytes - seekTableFooterBytes) / stride
  const offsets = new Float64Array(count + 1)
  const plainOffsets = new Float64Array(count + 1)
  let offset = 0
  let plainOffset = 0
  for (let i = 0; i < count; i += 1) {
    const compressedSize = table.getUint32(headerBytes + i * stride, true)
    if (compressedSize < minFrameBytes) throw damaged(`frame ${i} of the seek table has ${compressedSize} bytes`)
    offset += compressedSize
    plainOffset += table.getUint32(headerBytes + i * stride + 4, true)
    offsets[i + 1] = offset
    plainOffsets[i + 1] = plainOffset
  }
  if (offset + tableSizeBytes !== streamSizeBytes) {
    throw damaged(`the seek table describes ${offset + tableSizeBytes} bytes, but the stream has ${streamSizeBytes}`)
  }
  if (plainOffset > Number.MAX_SAFE_INTEGER) throw damaged('the seek table promises more bytes than can be counted')
  return {
    tableSizeBytes,
    plainSizeBytes: plainOffset,
    frames: {
      count,
      offsetOf: (frame) => startOf(offsets, frame),
      compressedSizeOf: (frame) => endOf(offsets, frame) - startOf(offsets, frame),
      plainOffsetOf: (frame) => startOf(plainOffsets, frame),
      plainSizeOf: (frame) => endOf(plainOffsets, frame) - startOf(plainOffsets, frame),
    },
    frameAtOffset: (at) => frameHolding(offsets, at),
    frameAtPlain: (at) => frameHolding(plainOffsets, at),
  }
}

/** The last frame that begins at or before `offset`: among frames that hold nothing and begin at the same place, the one that holds the byte. */
function frameHolding(starts: Float64Array, offset: number): number | undefined {
  const count = starts.length - 1
  if (!(offset >= 0 && offset < (starts[count] ?? 0))) return undefined
  let low = 0
  let high = count
  while (high - low > 1) {
    const middle = (low + high) >>> 1
    if ((starts[middle] ?? 0) <= offset) low = middle
    else high = middle
  }
  return low
}

function startOf(starts: Float64Array, frame: number): number {
  const start = frame < starts.length - 1 ? starts[frame] : undefined
  if (start === undefined) throw new RangeError(`there is no frame ${frame}`)
  return start
}

function endOf(starts: Float64Array, frame: number): number {
  const end = starts[frame + 1]
  if (end === undefined) throw new RangeError(`there is no frame ${frame}`)
  return end
}

/** Whether a seek table can say it: it has 32 bits. */
export function isFrameSize(sizeBytes: number): boolean {
  return Number.isInteger(sizeBytes) && sizeBytes >= 0 && sizeBytes <= maxFrameBytes
}

function entryBytesFor(descriptor: number): number {
  return (descriptor & checksumFlag) === 0 ? entryBytes : checksummedEntryBytes
}

function viewOf(bytes: Uint8Array, from: number): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset + from, bytes.byteLength - from)
}

function damaged(what: string): BastionError {
  return new BastionError('artifact_damaged', `The artifact is damaged: ${what}.`)
}
