import { spawnSync } from 'node:child_process'
import { constants, zstdCompressSync } from 'node:zlib'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { compressFrame, decompressFrame, ZstdFrameError } from '../../src/lib/zstd-frame.ts'
import { scale } from '../support/scale.ts'
import { seededRandom } from '../support/seed.ts'

const limit = 32 * 1024 * 1024

describe('a zstd frame', () => {
  test.each([0, 1, 511, 512, 513, 4096, 131_071, 131_072, 131_073, 4 * 1024 * 1024, 9 * 1024 * 1024])(
    'of %i bytes comes back as it was',
    (sizeBytes) => {
      for (const plain of [Buffer.alloc(sizeBytes), noise(sizeBytes)]) {
        const frame = compressFrame(plain, 3)
        expect(plain.equals(decompressFrame(frame, sizeBytes, limit))).toBe(true)
      }
    },
  )

  test('is what the zstd tool tests, lists and decompresses, with content size and checksum', () => {
    const plain = noise(300_000)
    const frame = compressFrame(plain, 3)
    expect(spawnSync('zstd', ['-t'], { input: frame }).status).toBe(0)
    expect(plain.equals(spawnSync('zstd', ['-dc'], { input: frame, maxBuffer: limit }).stdout)).toBe(true)
    const descriptor = frame[4] ?? 0
    expect({ checksum: (descriptor >>> 2) & 1, contentSize: Buffer.from(frame).readUInt32LE(5) }).toEqual({ checksum: 1, contentSize: 300_000 })
  })

  test('made by the zstd tool is read', () => {
    const plain = noise(300_000)
    const frame = spawnSync('zstd', ['-c', '-9'], { input: plain, maxBuffer: limit }).stdout
    expect(plain.equals(decompressFrame(frame, plain.length, limit))).toBe(true)
  })

  test('asks for no more than 8 MiB of window at any level', () => {
    const plain = Buffer.alloc(20 * 1024 * 1024, 'window')
    for (const level of [1, 19, 22]) expect(decompressFrame(compressFrame(plain, level), plain.length, limit).length).toBe(plain.length)
  })

  test.each([0, 100, 5_000_000])('of %i bytes can be transferred to another thread, on both sides', (sizeBytes) => {
    const frame = compressFrame(noise(sizeBytes), 3)
    const moved = structuredClone(frame, { transfer: [frame.buffer as ArrayBuffer] })
    const plain = decompressFrame(moved, sizeBytes, limit)
    expect(structuredClone(plain, { transfer: [plain.buffer as ArrayBuffer] }).length).toBe(sizeBytes)
  })
})

describe('decompressing refuses', () => {
  const plain = noise(10_000)
  const frame = Buffer.from(compressFrame(plain, 3))
  const withoutSize = zstdCompressSync(plain, { params: { [constants.ZSTD_c_contentSizeFlag]: 0 } })

  test.each([
    ['a frame cut short anywhere', frame.subarray(0, -1)],
    ['half a frame', frame.subarray(0, frame.length >>> 1)],
    ['half a header', frame.subarray(0, 6)],
    ['nothing', Buffer.alloc(0)],
    ['a second frame', Buffer.concat([frame, frame])],
    ['garbage behind the frame', Buffer.concat([frame, Buffer.from('x')])],
    ['a skippable frame before it', Buffer.concat([Buffer.from('502a4d180100000041', 'hex'), frame])],
    ['what is no frame', Buffer.alloc(10_000, 'text')],
    ['a wrong checksum', Buffer.concat([frame.subarray(0, -1), Buffer.from([(frame.at(-1) ?? 0) ^ 1])])],
    ['a wrong byte of data', Buffer.concat([frame.subarray(0, 5000), Buffer.from([(frame[5000] ?? 0) ^ 1]), frame.subarray(5001)])],
  ])('%s', (_, input) => {
    expect(() => decompressFrame(input, plain.length, limit)).toThrow(ZstdFrameError)
  })

  test('a frame of another size than promised, whether its header tells or not', () => {
    expect(decompressFrame(withoutSize, plain.length, limit).length).toBe(plain.length)
    for (const input of [frame, withoutSize]) {
      for (const size of [0, 1, plain.length - 1, plain.length + 1]) expect(() => decompressFrame(input, size, limit)).toThrow(ZstdFrameError)
    }
  })

  test('a promise above the limit before it allocates', () => {
    expect(() => decompressFrame(frame, plain.length, plain.length - 1)).toThrow(ZstdFrameError)
    for (const size of [2 ** 52, Number.NaN, -1, 0.5, Infinity]) expect(() => decompressFrame(frame, size, limit)).toThrow(ZstdFrameError)
  })

  test('a window above 8 MiB', () => {
    const wide = Buffer.from(withoutSize)
    expect(wide.readUInt8(4) & 0x20).toBe(0)
    wide.writeUInt8((24 - 10) << 3, 5)
    expect(() => decompressFrame(wide, plain.length, limit)).toThrow('window')
  })

  test('any mutated frame, unless it still says the same', () => {
    const text = Buffer.from('the same words, again and again; '.repeat(200))
    const good = compressFrame(text, 3)
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.nat(good.length - 1), fc.nat(255)), { minLength: 1, maxLength: 4 }), fc.nat(good.length), (changes, cut) => {
        const bad = Buffer.from(good)
        for (const [at, value] of changes) bad[at] = value
        for (const input of [bad, Buffer.concat([bad.subarray(0, cut), good])]) {
          try {
            expect(text.equals(decompressFrame(input, text.length, limit))).toBe(true)
          } catch (error) {
            expect(error).toBeInstanceOf(ZstdFrameError)
          }
        }
      }),
      { numRuns: scale(1000, 100_000) },
    )
  })
})

function noise(sizeBytes: number): Buffer {
  const random = seededRandom(sizeBytes + 1)
  return Buffer.from(Array.from({ length: sizeBytes }, () => random() * 256))
}
