import { describe, expect, test } from 'vitest'
import { findFrames } from '../../../src/engine/formats/archive-v1/find-frames.ts'
import { bytesReader } from '../../support/age-samples.ts'
import { forgeFrames } from '../../support/fuzz/forge-frames.ts'

const { bytes, offsets, tableOffset } = forgeFrames(['one', 'two', ''].map((text) => Buffer.from(text)))
const frames = bytes.subarray(0, tableOffset)

async function found(stream: Uint8Array): Promise<number[]> {
  const table = await findFrames(bytesReader(stream), new AbortController().signal)
  return Array.from({ length: table.frames.count }, (_, frame) => table.frames.offsetOf(frame))
}

/** A frame that is well made, of one empty block, and promises any number of bytes (RFC 8878, 3.1.1.1.4). */
function promising(plainBytes: bigint): Buffer {
  const frame = Buffer.from('28b52ffde00000000000000000010000', 'hex')
  frame.writeBigUInt64LE(plainBytes, 5)
  return frame
}

describe('frames whose table is lost', () => {
  test('are found where they begin, with their table and without', async () => {
    expect(await found(bytes)).toEqual(offsets)
    expect(await found(frames)).toEqual(offsets)
  })

  test.each([2n ** 32n, 2n ** 53n, 2n ** 64n - 1n])('end before one that promises %d bytes, which no table can say', async (plainBytes) => {
    expect(await found(Buffer.concat([frames, promising(2n ** 32n - 1n)]))).toEqual([...offsets, frames.length])
    expect(await found(Buffer.concat([frames, promising(plainBytes), frames]))).toEqual(offsets)
  })

  test('end before one that is cut, and before what is none', async () => {
    expect(await found(frames.subarray(0, -1))).toEqual(offsets.slice(0, -1))
    expect(await found(Buffer.concat([frames, Buffer.alloc(100)]))).toEqual(offsets)
    expect(await found(Buffer.alloc(0))).toEqual([])
  })
})
