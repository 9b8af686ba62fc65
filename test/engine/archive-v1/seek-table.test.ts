import { spawnSync } from 'node:child_process'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { BastionError, hasCode } from '../../../src/core/errors.ts'
import { createSeekTable, decodeSeekTable, seekTableFooterBytes, seekTableSize } from '../../../src/engine/formats/archive-v1/seek-table.ts'
import { compressFrame } from '../../../src/lib/zstd-frame.ts'
import { scale } from '../../support/scale.ts'

type Sizes = Array<[compressed: number, plain: number]>

const frameSizes = fc.array(fc.tuple(fc.integer({ min: 8, max: 2 ** 32 - 1 }), fc.oneof(fc.constant(0), fc.integer({ min: 0, max: 2 ** 32 - 1 }))), {
  maxLength: 700,
})

describe('a seek table', () => {
  test('comes back with the offset and size of every frame', () => {
    fc.assert(
      fc.property(frameSizes, (sizes) => {
        const { tail, streamSizeBytes } = encode(sizes)
        expect(seekTableSize(tail.subarray(-seekTableFooterBytes), streamSizeBytes)).toBe(tail.length)
        const table = decodeSeekTable(tail, streamSizeBytes)
        expect(table.frames.count).toBe(sizes.length)
        let offset = 0
        let plainOffset = 0
        sizes.forEach(([compressed, plain], i) => {
          expect([table.frames.offsetOf(i), table.frames.compressedSizeOf(i)]).toEqual([offset, compressed])
          expect([table.frames.plainOffsetOf(i), table.frames.plainSizeOf(i)]).toEqual([plainOffset, plain])
          expect([table.frameAtOffset(offset), table.frameAtOffset(offset + compressed - 1)]).toEqual([i, i])
          if (plain > 0) expect([table.frameAtPlain(plainOffset), table.frameAtPlain(plainOffset + plain - 1)]).toEqual([i, i])
          offset += compressed
          plainOffset += plain
        })
        expect([table.plainSizeBytes, table.tableSizeBytes]).toEqual([plainOffset, streamSizeBytes - offset])
        for (const outside of [-1, offset]) expect(table.frameAtOffset(outside)).toBeUndefined()
        for (const outside of [-1, plainOffset, Number.NaN]) expect(table.frameAtPlain(outside)).toBeUndefined()
      }),
      { numRuns: scale(50, 2000) },
    )
  })

  test('stands at the end of a longer tail just as well', () => {
    const { tail, streamSizeBytes } = encode([[1000, 5000]])
    expect(decodeSeekTable(Buffer.concat([Buffer.alloc(500, 'x'), tail]), streamSizeBytes).frames.plainSizeOf(0)).toBe(5000)
  })

  test('is skipped by the zstd tool, which reads the frames before it as one stream', () => {
    const plains = [Buffer.alloc(100_000, 'a'), Buffer.from('bcd'), Buffer.alloc(0), Buffer.alloc(70_000, 'e')]
    const builder = createSeekTable()
    const frames = plains.map((plain) => compressFrame(plain, 3))
    frames.forEach((frame, i) => builder.add(frame.length, plains[i]?.length ?? 0))
    const stream = Buffer.concat([...frames, builder.encode()])
    expect(spawnSync('zstd', ['-t'], { input: stream }).status).toBe(0)
    expect(Buffer.concat(plains).equals(spawnSync('zstd', ['-dc'], { input: stream }).stdout)).toBe(true)
    const table = decodeSeekTable(stream, stream.length)
    expect(table.frameAtPlain(100_003)).toBe(3)
    const listed = listFrames(stream)
    expect(listed).toContain('Zstandard Frames: 4\n')
    expect(listed).toContain('Skippable Frames: 1\n')
    expect(listed).toContain('(170003 B)\n')
    expect(listed).toContain('Check: XXH64')
  })

  test('of another writer may carry a checksum for each frame', () => {
    const bytes = Buffer.alloc(8 + 12 + 9)
    bytes.writeUInt32LE(0x184d2a5e, 0)
    bytes.writeUInt32LE(21, 4)
    bytes.writeUInt32LE(100, 8)
    bytes.writeUInt32LE(300, 12)
    bytes.writeUInt32LE(0xdeadbeef, 16)
    bytes.writeUInt32LE(1, 20)
    bytes.writeUInt8(0x80, 24)
    bytes.writeUInt32LE(0x8f92eab1, 25)
    const { frames } = decodeSeekTable(bytes, 129)
    expect([frames.count, frames.compressedSizeOf(0), frames.plainSizeOf(0)]).toEqual([1, 100, 300])
  })

  test('refuses frames of 4 GiB, and questions about frames it does not have', () => {
    const builder = createSeekTable()
    for (const [compressed, plain] of [
      [2 ** 32, 1],
      [10, 2 ** 32],
      [7, 1],
      [10, -1],
      [10.5, 1],
      [Number.NaN, 1],
    ] as Sizes) {
      expect(() => builder.add(compressed, plain)).toThrow(RangeError)
    }
    const { tail, streamSizeBytes } = encode([[10, 1]])
    const { frames } = decodeSeekTable(tail, streamSizeBytes)
    for (const frame of [-1, 1, 0.5]) {
      for (const ask of [frames.offsetOf, frames.compressedSizeOf, frames.plainOffsetOf, frames.plainSizeOf])
        expect(() => ask(frame)).toThrow(RangeError)
    }
  })
})

describe('a damaged seek table is told from', () => {
  const { tail, streamSizeBytes } = encode([
    [100, 1000],
    [200, 2000],
  ])

  test.each([
    ['a stream that is longer', tail, streamSizeBytes + 1],
    ['a stream that is shorter', tail, streamSizeBytes - 1],
    ['no bytes', new Uint8Array(0), streamSizeBytes],
    ['a tail cut at its front', tail.subarray(1), streamSizeBytes],
    ['a tail cut at its end', tail.subarray(0, -1), streamSizeBytes],
    ['another magic number', changed(tail, tail.length - 1, 0), streamSizeBytes],
    ['another skippable magic number', changed(tail, 0, 0x5d), streamSizeBytes],
    ['another frame size', changed(tail, 4, 26), streamSizeBytes],
    ['reserved flags', changed(tail, tail.length - 5, 4), streamSizeBytes],
    ['one frame more', changed(tail, tail.length - 9, 3), streamSizeBytes],
    ['one frame less', changed(tail, tail.length - 9, 1), streamSizeBytes],
    [
      'a frame of no bytes',
      encode(
        [
          [100, 1000],
          [200, 2000],
        ],
        [300, 0],
      ).tail,
      streamSizeBytes,
    ],
  ])('%s', (_, bytes, size) => {
    expect(codeOf(() => decodeSeekTable(bytes, size))).toBe('artifact_damaged')
  })

  test('a footer that promises more frames than the stream has room for, before anything is allocated', () => {
    const footer = Buffer.from(tail.subarray(-seekTableFooterBytes))
    footer.writeUInt32LE(2 ** 27, 0)
    expect(codeOf(() => seekTableSize(footer, 2 ** 30))).toBe('artifact_damaged')
    footer.writeUInt32LE(2 ** 27 + 1, 0)
    expect(codeOf(() => seekTableSize(footer, 2 ** 50))).toBe('artifact_damaged')
  })

  test('every mutation, or it is consistent in itself', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.nat(tail.length - 1), fc.nat(255)), { minLength: 1, maxLength: 3 }), (changes) => {
        const bytes = Buffer.from(tail)
        for (const [at, value] of changes) bytes[at] = value
        try {
          const { frames, tableSizeBytes } = decodeSeekTable(bytes, streamSizeBytes)
          const last = frames.count - 1
          expect(frames.offsetOf(last) + frames.compressedSizeOf(last) + tableSizeBytes).toBe(streamSizeBytes)
        } catch (error) {
          expect(hasCode(error, 'artifact_damaged')).toBe(true)
        }
      }),
      { numRuns: scale(2000, 200_000) },
    )
  })
})

function encode(sizes: Sizes, [from, to]: [number, number] | [] = []): { tail: Uint8Array; streamSizeBytes: number } {
  const builder = createSeekTable()
  for (const [compressed, plain] of sizes) builder.add(compressed, plain)
  expect(builder.frameCount).toBe(sizes.length)
  const tail = builder.encode()
  const streamSizeBytes = sizes.reduce((sum, [compressed]) => sum + compressed, tail.length)
  if (from === undefined || to === undefined) return { tail, streamSizeBytes }
  // Moves bytes between frames so that only their sum stays right.
  const table = Buffer.from(tail)
  table.writeUInt32LE(from, 8)
  table.writeUInt32LE(to, 16)
  return { tail: table, streamSizeBytes }
}

function changed(bytes: Uint8Array, at: number, value: number): Uint8Array {
  const copy = Buffer.from(bytes)
  copy[at] = value
  return copy
}

function codeOf(act: () => unknown): string {
  try {
    act()
  } catch (error) {
    if (error instanceof BastionError) return error.code
    throw error
  }
  return 'none'
}

/** "zstd -l" reads files only. */
function listFrames(stream: Uint8Array): string {
  return spawnSync('sh', ['-c', 'f=$(mktemp) && cat > "$f" && zstd -lv "$f"; rm -f "$f"'], { input: stream, encoding: 'utf8' }).stdout
}
