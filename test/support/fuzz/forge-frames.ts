import { compressFrame } from '../../../src/lib/zstd-frame.ts'

/** What a seek table says of one frame. */
export interface FrameSizes {
  stored: number
  plain: number
}

export interface FramedStream {
  bytes: Buffer
  /** where each frame begins */
  offsets: number[]
  /** where the seek table begins */
  tableOffset: number
}

/**
 * zstd frames and their seek table (zstd, contrib/seekable_format), which can say what it likes.
 * @param lie changes the sizes the table gives
 */
export function forgeFrames(plains: readonly Uint8Array[], lie: (sizes: FrameSizes[]) => void = () => {}): FramedStream {
  const stored = plains.map((plain) => compressFrame(plain, 1))
  const offsets: number[] = []
  let at = 0
  for (const frame of stored) {
    offsets.push(at)
    at += frame.length
  }
  const sizes = stored.map((frame, i) => ({ stored: frame.length, plain: plains[i]!.length }))
  lie(sizes)
  return { bytes: Buffer.concat([...stored, forgeSeekTable(sizes)]), offsets, tableOffset: at }
}

export function forgeSeekTable(sizes: readonly FrameSizes[]): Buffer {
  const table = Buffer.alloc(8 + sizes.length * 8 + 9)
  table.writeUInt32LE(0x184d2a5e, 0)
  table.writeUInt32LE(table.length - 8, 4)
  for (const [i, { stored, plain }] of sizes.entries()) {
    table.writeUInt32LE(stored >>> 0, 8 + i * 8)
    table.writeUInt32LE(plain >>> 0, 12 + i * 8)
  }
  table.writeUInt32LE(sizes.length, table.length - 9)
  table.writeUInt32LE(0x8f92eab1, table.length - 4)
  return table
}
