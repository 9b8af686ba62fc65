import { MessageChannel, receiveMessageOnPort } from 'node:worker_threads'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { createAgeHeader } from '../../src/engine/crypto/age-header.ts'
import type { AgePayloadKey } from '../../src/engine/crypto/age-header.ts'
import {
  ageChunkBytes,
  ageSealedChunkBytes,
  ageTagBytes,
  ciphertextSize,
  decryptAge,
  encryptAge,
  openChunk,
  plaintextSize,
  sealChunk,
  slices,
} from '../../src/engine/crypto/age-stream.ts'
import { generateAgeKeyPair } from '../../src/lib/age-keys.ts'
import { collect, drain, inPieces, sampleBytes } from '../support/age-samples.ts'

const pair = generateAgeKeyPair()
const identities = [pair.identity]
const { bytes: head, payloadKey } = createAgeHeader([pair.recipient])
const damaged: unknown = expect.objectContaining({ name: 'BastionError', code: 'artifact_damaged' })

/** Sizes around the ends of the first chunks, where everything that can go wrong does. */
const nearChunkEnds = fc.tuple(fc.nat(3), fc.integer({ min: -18, max: 18 })).map(([chunks, off]) => Math.max(0, chunks * ageChunkBytes + off))
const anySize = fc.oneof(nearChunkEnds, fc.nat(4 * ageChunkBytes))
const anyPiece = fc.oneof(fc.integer({ min: 1, max: 2 * ageSealedChunkBytes }), fc.constantFrom(ageChunkBytes, ageSealedChunkBytes, ageTagBytes))

function sealed(plaintext: Uint8Array, chunkNumber: number, isLast: boolean, key: AgePayloadKey = payloadKey): Buffer {
  const into = Buffer.alloc(plaintext.length + ageTagBytes)
  expect(sealChunk(key, chunkNumber, isLast, plaintext, into, 0)).toBe(into.length)
  return into
}

function decrypted(...chunks: Uint8Array[]) {
  return drain(decryptAge(inPieces(Buffer.concat([head, ...chunks])), identities))
}

describe('sizes', () => {
  test('of the ciphertext follow from the plaintext and back, and are what the encryptor makes', async () => {
    await fc.assert(
      fc.asyncProperty(nearChunkEnds, async (size) => {
        const encrypted = await collect(encryptAge(inPieces(sampleBytes(size), 50_000), [pair.recipient]))
        expect(encrypted.length - head.length).toBe(ciphertextSize(size))
        expect(plaintextSize(ciphertextSize(size))).toBe(size)
      }),
      { numRuns: 30 },
    )
    expect(plaintextSize(ciphertextSize(2 ** 50 + 5))).toBe(2 ** 50 + 5)
  })

  test('that no payload has are refused', () => {
    for (const size of [0, 15, ageSealedChunkBytes + 1, ageSealedChunkBytes + 16, 2 * ageSealedChunkBytes + 15]) {
      expect(() => plaintextSize(size), `${size}`).toThrow(damaged)
    }
    for (const size of [16, 17, ageSealedChunkBytes, ageSealedChunkBytes + 17]) expect(ciphertextSize(plaintextSize(size))).toBe(size)
  })
})

describe('a chunk', () => {
  test('opens under its number and its place only, and only unchanged', () => {
    const plaintext = sampleBytes(1000)
    const chunk = sealed(plaintext, 5, true)
    expect(Buffer.from(openChunk(payloadKey, 5, true, chunk))).toEqual(plaintext)
    expect(() => openChunk(payloadKey, 6, true, chunk)).toThrow(damaged)
    expect(() => openChunk(payloadKey, 5, false, chunk)).toThrow(damaged)
    expect(() => openChunk(createAgeHeader([pair.recipient]).payloadKey, 5, true, chunk)).toThrow(damaged)
    for (const at of [0, 500, 999, 1000, 1015]) {
      const changed = Buffer.from(chunk)
      changed.writeUInt8(chunk.readUInt8(at) ^ 1, at)
      expect(() => openChunk(payloadKey, 5, true, changed)).toThrow(damaged)
    }
    for (const length of [0, 15, 16, 1015]) expect(() => openChunk(payloadKey, 5, true, chunk.subarray(0, length))).toThrow(damaged)
  })

  test('numbers beyond 32 bits stay different', () => {
    const plaintext = sampleBytes(10)
    const chunk = sealed(plaintext, 2 ** 32 + 7, true)
    expect(Buffer.from(openChunk(payloadKey, 2 ** 32 + 7, true, chunk))).toEqual(plaintext)
    for (const number of [7, 2 ** 33 + 7, 2 ** 32]) expect(() => openChunk(payloadKey, number, true, chunk)).toThrow(damaged)
  })

  test('is written where it is told to be and nowhere else', () => {
    const into = Buffer.alloc(100, 0xee)
    sealChunk(payloadKey, 0, true, sampleBytes(20), into, 30)
    expect(into.subarray(0, 30)).toEqual(Buffer.alloc(30, 0xee))
    expect(into.subarray(66)).toEqual(Buffer.alloc(34, 0xee))
    expect(Buffer.from(openChunk(payloadKey, 0, true, into.subarray(30, 66)))).toEqual(sampleBytes(20))
  })

  test('of a size that the format does not have is not made', () => {
    const into = Buffer.alloc(ageSealedChunkBytes + 1)
    expect(() => sealChunk(payloadKey, 0, false, sampleBytes(10), into, 0)).toThrow(RangeError)
    expect(() => sealChunk(payloadKey, 0, true, sampleBytes(ageChunkBytes + 1), into, 0)).toThrow(RangeError)
    expect(() => sealChunk(payloadKey, 1, true, sampleBytes(0), into, 0)).toThrow(RangeError)
  })

  test('is sealed the same with a key that went to another thread', () => {
    const { port1, port2 } = new MessageChannel()
    port1.postMessage(payloadKey)
    const { message } = receiveMessageOnPort(port2) as { message: AgePayloadKey }
    port1.close()
    expect(sealed(sampleBytes(100), 3, true, message)).toEqual(sealed(sampleBytes(100), 3, true))
  })
})

describe('a stream', () => {
  test('of any size comes back, whatever pieces it is written and read in', async () => {
    await fc.assert(
      fc.asyncProperty(anySize, anyPiece, anyPiece, async (size, writtenIn, readIn) => {
        const plaintext = sampleBytes(size)
        const encrypted = await collect(encryptAge(inPieces(plaintext, writtenIn), [pair.recipient]))
        const back = await collect(decryptAge(inPieces(encrypted, readIn), identities))
        expect(back.equals(plaintext)).toBe(true)
      }),
      { numRuns: 60 },
    )
  })

  test('comes back from empty pieces among others, and from a source that uses its memory again', async () => {
    const plaintext = sampleBytes(2 * ageChunkBytes + 5)
    const encrypted = await collect(encryptAge(inPieces(plaintext), [pair.recipient]))
    async function* reusing() {
      const memory = Buffer.alloc(1000)
      for (let at = 0; at < encrypted.length; at += memory.length) {
        yield memory.subarray(0, encrypted.copy(memory, 0, at, at + memory.length))
        yield new Uint8Array(0)
        memory.fill(0)
      }
    }
    expect((await collect(decryptAge(reusing(), identities))).equals(plaintext)).toBe(true)
  })

  test('cut short anywhere gives a true beginning and then fails', async () => {
    const plaintext = sampleBytes(2 * ageChunkBytes + 100)
    const encrypted = await collect(encryptAge(inPieces(plaintext), [pair.recipient]))
    const chunkEnds = [0, 1, 2].map((chunk) => head.length + chunk * ageSealedChunkBytes)
    const length = fc.oneof(
      fc.nat(encrypted.length - 1),
      fc.tuple(fc.constantFrom(...chunkEnds), fc.integer({ min: -17, max: 17 })).map(([end, off]) => end + off),
    )
    await fc.assert(
      fc.asyncProperty(length, async (kept) => {
        const { bytes, error } = await drain(decryptAge(inPieces(encrypted.subarray(0, kept)), identities))
        expect(error).toEqual(damaged)
        expect(plaintext.subarray(0, bytes.length).equals(bytes)).toBe(true)
      }),
    )
  })

  test('with one byte changed anywhere gives a true beginning and then fails', async () => {
    const plaintext = sampleBytes(ageChunkBytes + 100)
    const encrypted = await collect(encryptAge(inPieces(plaintext), [pair.recipient]))
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: head.length - 16, max: encrypted.length - 1 }), fc.integer({ min: 1, max: 255 }), async (at, flip) => {
        const changed = Buffer.from(encrypted)
        changed.writeUInt8(changed.readUInt8(at) ^ flip, at)
        const { bytes, error } = await drain(decryptAge(inPieces(changed), identities))
        expect(error).toEqual(damaged)
        expect(plaintext.subarray(0, bytes.length).equals(bytes)).toBe(true)
      }),
    )
  })

  test('followed by anything fails after its last true byte', async () => {
    for (const size of [0, 10, ageChunkBytes, ageChunkBytes + 10]) {
      const plaintext = sampleBytes(size)
      const encrypted = await collect(encryptAge(inPieces(plaintext), [pair.recipient]))
      for (const more of [1, 16, 17, ageSealedChunkBytes]) {
        const { bytes, error } = await drain(decryptAge(inPieces(Buffer.concat([encrypted, Buffer.alloc(more)])), identities))
        expect(error, `${size} + ${more}`).toEqual(damaged)
        expect(plaintext.subarray(0, bytes.length).equals(bytes)).toBe(true)
      }
    }
  })

  test('whose chunks changed places, are missing or stand twice fails at the first that is wrong', async () => {
    const full = sampleBytes(ageChunkBytes)
    const [a, b, end] = [sealed(full, 0, false), sealed(full, 1, false), sealed(sampleBytes(9), 2, true)]
    expect(await decrypted(a, b, end)).toMatchObject({ error: undefined, bytes: { length: 2 * ageChunkBytes + 9 } })
    expect(await decrypted(b, a, end)).toMatchObject({ error: damaged, bytes: { length: 0 } })
    expect(await decrypted(a, end)).toMatchObject({ error: damaged, bytes: { length: ageChunkBytes } })
    expect(await decrypted(a, a, b, end)).toMatchObject({ error: damaged, bytes: { length: ageChunkBytes } })
    expect(await decrypted(a, b)).toMatchObject({ error: damaged, bytes: { length: 2 * ageChunkBytes } })
  })

  test('that its reader leaves is closed, and so is one that fails', async () => {
    const encrypted = await collect(encryptAge(inPieces(sampleBytes(3 * ageChunkBytes)), [pair.recipient]))
    let closed = 0
    async function* source(bytes: Uint8Array) {
      try {
        yield* inPieces(bytes, 1000)
      } finally {
        closed++
      }
    }
    for await (const piece of decryptAge(source(encrypted), identities)) {
      expect(piece.length).toBe(ageChunkBytes)
      break
    }
    expect(closed).toBe(1)
    await drain(decryptAge(source(encrypted), [generateAgeKeyPair().identity]))
    expect(closed).toBe(2)
    for await (const piece of encryptAge(source(encrypted), [pair.recipient])) {
      if (piece.length === ageSealedChunkBytes) break
    }
    expect(closed).toBe(3)
  })

  test("whose source fails ends with the source's own error", async () => {
    async function* source() {
      yield head
      throw new Error('the disk is gone')
    }
    expect((await drain(decryptAge(source(), identities))).error).toEqual(new Error('the disk is gone'))
    expect((await drain(encryptAge(source(), [pair.recipient]))).error).toEqual(new Error('the disk is gone'))
  })
})

test('slices are exact but the last, and empty only when there is nothing', async () => {
  await fc.assert(
    fc.asyncProperty(fc.nat(40), fc.integer({ min: 1, max: 50 }), fc.integer({ min: 1, max: 12 }), async (size, pieceBytes, sliceBytes) => {
      const lengths: number[] = []
      const whole: number[] = []
      let lasts = 0
      for await (const { bytes, isLast } of slices(inPieces(sampleBytes(size), pieceBytes), sliceBytes)) {
        lengths.push(bytes.length)
        whole.push(...bytes)
        if (isLast) lasts++
      }
      expect(lasts).toBe(1)
      expect(lengths).toHaveLength(Math.max(1, Math.ceil(size / sliceBytes)))
      expect(lengths.slice(0, -1).every((length) => length === sliceBytes)).toBe(true)
      expect(Buffer.from(whole)).toEqual(sampleBytes(size))
    }),
  )
})
