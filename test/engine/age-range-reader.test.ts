import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { createAgeHeader, payloadNonceBytes } from '../../src/engine/crypto/age-header.ts'
import { openAgeRange } from '../../src/engine/crypto/age-range-reader.ts'
import { ageChunkBytes, ageSealedChunkBytes, encryptAge } from '../../src/engine/crypto/age-stream.ts'
import { openSealedRange } from '../../src/engine/crypto/sealed-range.ts'
import { generateAgeKeyPair } from '../../src/lib/age-keys.ts'
import { bytesReader, collect, inPieces, sampleBytes } from '../support/age-samples.ts'

const pair = generateAgeKeyPair()
const identities = [pair.identity]
const damaged = { name: 'BastionError', code: 'artifact_damaged' }

function encrypted(plaintext: Uint8Array): Promise<Buffer> {
  return collect(encryptAge(inPieces(plaintext), [pair.recipient]))
}

const headBytes = createAgeHeader([pair.recipient]).bytes.length

test('any range of any size reads, streams and is opened elsewhere as the plaintext has it', async () => {
  const nearChunkEnd = fc.tuple(fc.nat(3), fc.integer({ min: -3, max: 3 })).map(([chunks, off]) => Math.max(0, chunks * ageChunkBytes + off))
  const place = fc.oneof(fc.nat(4 * ageChunkBytes), nearChunkEnd)
  await fc.assert(
    fc.asyncProperty(
      nearChunkEnd,
      fc.array(fc.tuple(place, place), { maxLength: 10 }),
      fc.integer({ min: 1000, max: 200_000 }),
      async (size, ranges, pieceBytes) => {
        const plaintext = sampleBytes(size)
        const reader = await openAgeRange(bytesReader(await encrypted(plaintext), pieceBytes), identities)
        expect(reader.sizeBytes).toBe(size)
        for (const [one, two] of [...ranges, [0, size] as const]) {
          const offset = Math.min(one, two, size)
          const end = Math.min(Math.max(one, two), size)
          const expected = plaintext.subarray(offset, end)
          expect(expected.equals(await reader.read(offset, end - offset))).toBe(true)
          expect(expected.equals(await collect(reader.stream(offset, end)))).toBe(true)
          const sealed = await reader.readSealed(offset, end - offset)
          expect(expected.equals(openSealedRange(reader.payloadKey, sealed.bytes, sealed.range))).toBe(true)
        }
      },
    ),
    { numRuns: 40 },
  )
})

test('a range asks for its whole chunks at once and for nothing else', async () => {
  const inner = bytesReader(await encrypted(sampleBytes(10 * ageChunkBytes + 5)))
  const reader = await openAgeRange(inner, identities)
  expect(inner.asked).toEqual([[0, 4096]])
  inner.asked.length = 0
  await reader.read(3 * ageChunkBytes - 1, ageChunkBytes + 2)
  await reader.read(10 * ageChunkBytes, 5)
  await collect(reader.stream(ageChunkBytes, 2 * ageChunkBytes))
  await reader.read(77, 0)
  expect(inner.asked).toEqual([
    [headBytes + 2 * ageSealedChunkBytes, 3 * ageSealedChunkBytes],
    [headBytes + 10 * ageSealedChunkBytes, 5 + 16],
    [headBytes + ageSealedChunkBytes, ageSealedChunkBytes],
  ])
})

test('a read that goes on in the chunk where the one before ended does not ask for it again', async () => {
  const plaintext = sampleBytes(4 * ageChunkBytes)
  const inner = bytesReader(await encrypted(plaintext))
  const reader = await openAgeRange(inner, identities)
  await reader.read(0, ageChunkBytes + 10)
  inner.asked.length = 0
  expect(plaintext.subarray(ageChunkBytes + 10, ageChunkBytes + 20).equals(await reader.read(ageChunkBytes + 10, 10))).toBe(true)
  expect(inner.asked).toEqual([])
  expect(plaintext.subarray(ageChunkBytes + 20, 2 * ageChunkBytes + 20).equals(await reader.read(ageChunkBytes + 20, ageChunkBytes))).toBe(true)
  expect(inner.asked).toEqual([[headBytes + 2 * ageSealedChunkBytes, ageSealedChunkBytes]])
})

test('what was read belongs to the caller: changing it changes no later read', async () => {
  const plaintext = sampleBytes(1000)
  const reader = await openAgeRange(bytesReader(await encrypted(plaintext)), identities)
  const first = await reader.read(0, 1000)
  first.fill(0)
  for await (const piece of reader.stream(0)) structuredClone(piece, { transfer: [piece.buffer as ArrayBuffer] })
  expect(plaintext.equals(await reader.read(0, 1000))).toBe(true)
})

test('a header longer than the first request is fetched with a second', async () => {
  const plaintext = sampleBytes(100)
  const recipients = [...Array.from({ length: 60 }, () => generateAgeKeyPair().recipient), pair.recipient]
  const inner = bytesReader(await collect(encryptAge(inPieces(plaintext), recipients)))
  const reader = await openAgeRange(inner, identities)
  expect(inner.asked).toHaveLength(2)
  expect(plaintext.equals(await reader.read(0, 100))).toBe(true)
})

test('a range outside the plaintext is refused', async () => {
  const reader = await openAgeRange(bytesReader(await encrypted(sampleBytes(100))), identities)
  for (const [offset, length] of [
    [0, 101],
    [101, 0],
    [-1, 5],
    [50, -1],
    [Number.NaN, 1],
  ] as const)
    await expect(reader.read(offset, length)).rejects.toMatchObject(damaged)
  await expect(collect(reader.stream(0, 101))).rejects.toMatchObject(damaged)
})

test('no identity that matches is no reader', async () => {
  const inner = bytesReader(await encrypted(sampleBytes(100)))
  await expect(openAgeRange(inner, [generateAgeKeyPair().identity])).rejects.toMatchObject({ code: 'encryption_key_missing' })
})

describe('a file cut short', () => {
  test('after a whole chunk reads as far as it goes, but not to its end', async () => {
    const plaintext = sampleBytes(3 * ageChunkBytes + 7)
    const cut = (await encrypted(plaintext)).subarray(0, headBytes + 2 * ageSealedChunkBytes)
    const reader = await openAgeRange(bytesReader(cut), identities)
    expect(reader.sizeBytes).toBe(2 * ageChunkBytes)
    expect(plaintext.subarray(0, 100).equals(await reader.read(0, 100))).toBe(true)
    await expect(reader.read(ageChunkBytes, 1)).rejects.toMatchObject(damaged)
    await expect(reader.read(reader.sizeBytes, 0)).rejects.toMatchObject(damaged)
    await expect(collect(reader.stream(0))).rejects.toMatchObject(damaged)
  })

  test('anywhere cannot be read to its end', async () => {
    const whole = await encrypted(sampleBytes(ageChunkBytes + 50))
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: headBytes - payloadNonceBytes - 1, max: whole.length - 1 }), async (kept) => {
        const read = openAgeRange(bytesReader(whole.subarray(0, kept)), identities).then((reader) => reader.read(0, reader.sizeBytes))
        await expect(read).rejects.toMatchObject(damaged)
      }),
    )
  })

  test('while it is streamed is noticed', async () => {
    const whole = await encrypted(sampleBytes(3 * ageChunkBytes))
    const inner = bytesReader(whole)
    const lying = { ...inner, stream: (offset: number, end?: number) => inner.stream(offset, (end ?? whole.length) - ageSealedChunkBytes) }
    const reader = await openAgeRange(lying, identities)
    await expect(collect(reader.stream(0, 2 * ageChunkBytes))).rejects.toMatchObject(damaged)
  })
})

test('a file that is followed by more is refused at its end, an empty one too', async () => {
  for (const size of [0, 100, ageChunkBytes]) {
    for (const more of [1, 17, ageSealedChunkBytes]) {
      const longer = Buffer.concat([await encrypted(sampleBytes(size)), Buffer.alloc(more)])
      const read = openAgeRange(bytesReader(longer), identities).then((reader) => reader.read(reader.sizeBytes, 0))
      await expect(read, `${size} + ${more}`).rejects.toMatchObject(damaged)
    }
  }
})

test('a changed chunk is refused, the others still read', async () => {
  const plaintext = sampleBytes(3 * ageChunkBytes)
  const changed = await encrypted(plaintext)
  const at = headBytes + ageSealedChunkBytes + 10
  changed.writeUInt8(changed.readUInt8(at) ^ 1, at)
  const reader = await openAgeRange(bytesReader(changed), identities)
  await expect(reader.read(ageChunkBytes + 100, 1)).rejects.toMatchObject(damaged)
  expect(plaintext.subarray(2 * ageChunkBytes).equals(await reader.read(2 * ageChunkBytes, ageChunkBytes))).toBe(true)
  expect(plaintext.subarray(0, ageChunkBytes).equals(await reader.read(0, ageChunkBytes))).toBe(true)
})
