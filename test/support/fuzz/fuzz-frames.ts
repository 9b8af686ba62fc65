import { findFrames } from '../../../src/engine/formats/archive-v1/find-frames.ts'
import { decodeSeekTable, type SeekTable, seekTableFooterBytes, seekTableSize } from '../../../src/engine/formats/archive-v1/seek-table.ts'
import { decodeFrame, maxFramePlainBytes } from '../../../src/engine/restoring/decode-frame.ts'
import { compressFrame } from '../../../src/lib/zstd-frame.ts'
import { forgeFrames, forgeSeekTable } from './forge-frames.ts'
import { broken, type CaseOutcome, type FuzzReader, hostileRangeReader, outcomeOf, statelessReader } from './fuzz-reader.ts'
import { mutateBytes } from './mutate-bytes.ts'
import type { Random } from './random.ts'

const tokens = [
  '\x28\xb5\x2f\xfd',
  '\x5e\x2a\x4d\x18',
  '\xb1\xea\x92\x8f',
  '\x50\x2a\x4d\x18',
  '\xff\xff\xff\xff',
  '\0\0\0\0',
  '\x01\0\0',
  '\x03\0\0',
]
const sizes = [0, 1, 7, 8, 9, 64, 4096, 2 ** 20, 2 ** 26, 2 ** 26 + 1, 2 ** 31, 2 ** 32 - 1]

/** The table of a stream's frames. */
export function openSeekTableReader(): FuzzReader {
  return statelessReader(async (random) => {
    const frames = Array.from({ length: random.below(6) }, () => ({ stored: random.pick(sizes), plain: random.pick(sizes) }))
    const body = random.chance(0.5) ? frames.reduce((sum, { stored }) => sum + stored, 0) : random.pick(sizes)
    const table = forgeSeekTable(frames)
    if (random.chance(0.3)) table.writeUInt32LE(random.pick([0, 1, 2 ** 27, 2 ** 27 + 1, 2 ** 32 - 1]), table.length - 9)
    if (random.chance(0.2)) table.writeUInt8(random.below(256), table.length - 5)
    const tail = random.chance(0.5) ? table : mutateBytes(table, random, { tokens })
    const streamBytes = random.chance(0.8) ? body + tail.length : random.pick(sizes)
    return outcomeOf(() => {
      if (tail.length >= seekTableFooterBytes && seekTableSize(tail, streamBytes) > streamBytes) throw broken('a table is no larger than its stream')
      checkTable(decodeSeekTable(tail, streamBytes), streamBytes)
    })
  })
}

function checkTable({ frames, tableSizeBytes, plainSizeBytes, frameAtOffset }: SeekTable, streamBytes: number): void {
  let offset = 0
  let plainOffset = 0
  for (let frame = 0; frame < frames.count; frame += 1) {
    if (frames.offsetOf(frame) !== offset || frames.plainOffsetOf(frame) !== plainOffset) throw broken('frames follow one another', frame)
    if (frameAtOffset(offset) !== frame) throw broken('a frame is found where it begins', frame)
    offset += frames.compressedSizeOf(frame)
    plainOffset += frames.plainSizeOf(frame)
  }
  if (offset + tableSizeBytes !== streamBytes || plainOffset !== plainSizeBytes)
    throw broken('a table describes its whole stream', [offset, plainOffset])
}

/** Frames whose table is lost. */
export function openFrameFinder(): FuzzReader {
  return statelessReader(async (random) => {
    const plains = Array.from({ length: 1 + random.below(4) }, () => Buffer.alloc(random.pick([0, 1, 300, 5000]), random.pick(['', 'ab', 'x'])))
    const { bytes, offsets, tableOffset } = forgeFrames(plains)
    const isWhole = random.chance(0.1)
    const stream = isWhole
      ? bytes
      : mutateBytes(random.chance(0.5) ? Buffer.concat([bytes.subarray(0, tableOffset), hugeFrame(random)]) : bytes, random, { tokens })
    const claimed = stream.length + (isWhole ? 0 : random.pick([0, 0, 0, 1, 2 ** 40]))
    return outcomeOf(async () => {
      const table = await findFrames(hostileRangeReader(stream, claimed), new AbortController().signal)
      checkTable(table, table.tableSizeBytes + foundBytes(table))
      if (isWhole && table.frames.count !== offsets.length) throw broken('whole frames are found', [table.frames.count, offsets.length])
    })
  })
}

function foundBytes({ frames }: SeekTable): number {
  return frames.count === 0 ? 0 : frames.offsetOf(frames.count - 1) + frames.compressedSizeOf(frames.count - 1)
}

/** A frame header that promises any number of bytes, and an empty last block. */
function hugeFrame(random: Random): Buffer {
  const frame = Buffer.from('28b52ffde00000000000000000010000', 'hex')
  frame.writeBigUInt64LE(BigInt(random.pick([0, 1, 2 ** 26, 2 ** 32 - 1, 2 ** 32, 2 ** 53])) * BigInt(random.pick([1, 2047])), 5)
  return frame
}

/** One frame of a payload, decompressed to the size its table promises. */
export function openFrameDecoder(): FuzzReader {
  return statelessReader(async (random): Promise<CaseOutcome> => {
    const plain = random.chance(0.5) ? random.bytes(random.below(600)) : Buffer.alloc(random.below(random.pick([1000, 300_000])), 'abc')
    const stored = compressFrame(plain, random.pick([1, 3]))
    const frame = random.chance(0.05) ? stored : mutateBytes(random.chance(0.9) ? stored : Buffer.concat([stored, stored]), random, { tokens })
    const promised = random.chance(0.8) ? plain.length : random.pick([...sizes, -1, 1.5, Number.NaN, plain.length + 1])
    return outcomeOf(() => {
      const decoded = decodeFrame(frame, promised)
      if (decoded.length !== promised || promised > maxFramePlainBytes) throw broken('a frame has the size that was promised', promised)
    })
  })
}
