import { constants, zstdCompressSync, zstdDecompressSync } from 'node:zlib'

/** A frame that is damaged, or is not what its index promised. The message says how. */
export class ZstdFrameError extends Error {
  constructor(message: string, options?: ErrorOptions) {
    super(message, options)
    this.name = 'ZstdFrameError'
  }
}

/** Frames ask a reader for at most 8 MiB of window, the limit every zstd tool accepts without being told. */
const windowLogMax = 23
const windowMaxBytes = 2 ** windowLogMax
const frameMagic = 0xfd2fb528
const blockMaxBytes = 131_072

/** zstd itself takes smaller tables for inputs up to this size. */
const smallInputBytes = 256 * 1024
/**
 * Level 3 by the strategy of the levels below it, with a table as large as its own and matches of seven bytes: in frames of 4 MiB it takes 16 to 22 % less time and up to
 * 3.5 % more room (docs/decisions/0002-speed.md).
 */
const tunedLevel3: Readonly<Record<number, number>> = {
  [constants.ZSTD_c_strategy]: constants.ZSTD_fast,
  [constants.ZSTD_c_minMatch]: 7,
  [constants.ZSTD_c_hashLog]: 17,
}

/** The most bytes `sizeBytes` become (ZSTD_COMPRESSBOUND of zstd.h). */
export function compressedBound(sizeBytes: number): number {
  const smallInput = sizeBytes < blockMaxBytes ? (blockMaxBytes - sizeBytes) >>> 11 : 0
  return sizeBytes + Math.floor(sizeBytes / 256) + smallInput
}

/**
 * The output buffer for a result of at most `maxBytes`: a little more, since zlib asks for a second one when the first is exactly full, and never so
 * small that Node takes it from its shared pool.
 */
function outputBytes(maxBytes: number): number {
  return Math.max(maxBytes + 64, Buffer.poolSize)
}

/**
 * `input` as one independent zstd frame (RFC 8878) with its content size and content checksum.
 * The result is a view into a somewhat larger buffer of its own, which can be transferred to another thread.
 *
 * @param level 1–22; the window stays within 8 MiB whatever the level
 */
export function compressFrame(input: Uint8Array, level: number): Uint8Array {
  const params: Record<number, number> = {
    [constants.ZSTD_c_compressionLevel]: level,
    [constants.ZSTD_c_checksumFlag]: 1,
    [constants.ZSTD_c_contentSizeFlag]: 1,
  }
  if (level === 3 && input.length > smallInputBytes) Object.assign(params, tunedLevel3)
  // Levels above 19 would take a larger window for a larger input.
  if (input.length > windowMaxBytes) params[constants.ZSTD_c_windowLog] = windowLogMax
  // Room for the whole output makes it one call of the library: less work and a better ratio than in pieces.
  // Never with nbWorkers: Node then truncates the output and says nothing.
  return tight(zstdCompressSync(input, { chunkSize: outputBytes(compressedBound(input.length)), pledgedSrcSize: input.length, params }))
}

/** The same bytes in a buffer that is not much larger than they are: frames wait in line, and what they wait in counts as memory. */
function tight(bytes: Buffer<ArrayBuffer>): Uint8Array {
  if (bytes.length > bytes.buffer.byteLength / 4) return bytes
  const copied = new Uint8Array(bytes)
  bytes.buffer.transfer(0)
  return copied
}

/**
 * The bytes of one frame, which `input` must hold from its first byte to its last, nothing before or after.
 * Memory is bounded by `expectedPlainSize` and the 8 MiB window. The result has a buffer of its own, which can be transferred to another thread.
 *
 * @param expectedPlainSize what the index promises; anything else is an error
 * @param maxBytes refuses a promise above it before anything is allocated
 * @throws ZstdFrameError for every input that is not that
 */
export function decompressFrame(input: Uint8Array, expectedPlainSize: number, maxBytes: number): Uint8Array {
  if (!Number.isSafeInteger(expectedPlainSize) || expectedPlainSize < 0 || expectedPlainSize > maxBytes) {
    throw new ZstdFrameError(`a frame of ${expectedPlainSize} bytes is above the limit of ${maxBytes}`)
  }
  checkFrame(input, expectedPlainSize)
  const plain = decompress(input, expectedPlainSize)
  if (plain.length !== expectedPlainSize) throw new ZstdFrameError(`the frame holds ${plain.length} bytes, not ${expectedPlainSize}`)
  return plain
}

function decompress(input: Uint8Array, expectedPlainSize: number): Uint8Array {
  try {
    return zstdDecompressSync(input, {
      chunkSize: outputBytes(expectedPlainSize),
      maxOutputLength: Math.max(expectedPlainSize, 1),
      params: { [constants.ZSTD_d_windowLogMax]: windowLogMax },
    })
  } catch (error) {
    throw new ZstdFrameError(`the frame cannot be decompressed: ${error instanceof Error ? error.message : String(error)}`, { cause: error })
  }
}

/** Walks the frame from header to checksum without decoding: node:zlib stops at a frame's end and says nothing of what follows it. */
function checkFrame(input: Uint8Array, expectedPlainSize: number): void {
  const bytes = Buffer.from(input.buffer, input.byteOffset, input.byteLength)
  if (bytes.length < 9 || bytes.readUInt32LE(0) !== frameMagic) throw new ZstdFrameError('this is not a zstd frame')
  const { headerBytes, checksumBytes, plainSize } = readHeader(bytes)
  if (plainSize !== undefined && plainSize !== expectedPlainSize) throw new ZstdFrameError(`the frame promises ${plainSize} bytes`)
  let at = headerBytes
  for (let last = false; !last;) {
    if (at + 3 > bytes.length) throw new ZstdFrameError('the frame is cut short')
    const block = bytes.readUIntLE(at, 3)
    const type = (block >>> 1) & 3
    if (type === 3) throw new ZstdFrameError('the frame has a block of a reserved type')
    // A run-length block (1) gives the size it expands to and stores one byte.
    at += 3 + (type === 1 ? 1 : block >>> 3)
    last = (block & 1) === 1
  }
  at += checksumBytes
  if (at > bytes.length) throw new ZstdFrameError('the frame is cut short')
  if (at < bytes.length) throw new ZstdFrameError(`${bytes.length - at} bytes follow the frame`)
}

/** RFC 8878, 3.1.1.1. */
function readHeader(bytes: Buffer): { headerBytes: number; checksumBytes: number; plainSize: number | undefined } {
  const descriptor = bytes.readUInt8(4)
  const isSingleSegment = (descriptor & 0x20) !== 0
  if ((descriptor & 0x08) !== 0) throw new ZstdFrameError('the frame header has a reserved bit set')
  if ((descriptor & 0x03) !== 0) throw new ZstdFrameError('the frame asks for a dictionary')
  const sizeAt = isSingleSegment ? 5 : 6
  const sizeBytes = [isSingleSegment ? 1 : 0, 2, 4, 8][descriptor >>> 6] ?? 0
  const headerBytes = sizeAt + sizeBytes
  if (headerBytes > bytes.length) throw new ZstdFrameError('the frame is cut short')
  const plainSize = readPlainSize(bytes, sizeAt, sizeBytes)
  const windowBytes = isSingleSegment ? (plainSize ?? 0) : readWindow(bytes.readUInt8(5))
  if (windowBytes > windowMaxBytes) throw new ZstdFrameError(`the frame asks for a window of ${windowBytes} bytes`)
  return { headerBytes, checksumBytes: (descriptor & 0x04) !== 0 ? 4 : 0, plainSize }
}

function readPlainSize(bytes: Buffer, at: number, sizeBytes: number): number | undefined {
  if (sizeBytes === 0) return undefined
  if (sizeBytes === 8) return Number(bytes.readBigUInt64LE(at))
  return bytes.readUIntLE(at, sizeBytes) + (sizeBytes === 2 ? 256 : 0)
}

function readWindow(descriptor: number): number {
  const base = 2 ** (10 + (descriptor >>> 3))
  return base + (base / 8) * (descriptor & 7)
}
