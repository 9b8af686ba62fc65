import { BastionError } from '../../core/errors.ts'
import type { RangeReader } from '../formats/range-reader.ts'
import { ageHeadSize, type AgePayloadKey, maxHeaderBytes, openAgeHeader, payloadNonceBytes } from './age-header.ts'
import { ageChunkBytes, openChunk, plaintextSize, ageSealedChunkBytes, slices } from './age-stream.ts'
import type { SealedRange } from './sealed-range.ts'

/** The plaintext of an age file; and its sealed chunks, for who opens them elsewhere. */
export interface AgeRangeReader extends RangeReader {
  readonly payloadKey: AgePayloadKey
  /** The chunks that hold `length` bytes from `offset`, in memory of their own. @throws BastionError artifact_damaged when they are not there */
  readSealed(offset: number, length: number, signal?: AbortSignal): Promise<{ bytes: Uint8Array; range: SealedRange }>
}

/** Enough for about forty recipients; a longer header costs a second request. */
const firstReadBytes = 4096

/**
 * The plaintext of the age file that `inner` holds, at any place: a range costs the whole chunks it touches, and the last chunk of a read is kept
 * for the next.
 *
 * `sizeBytes` follows from the size of `inner`. That nothing was cut off at its end is known when the last chunk is read: whatever range reaches the
 * end of the plaintext, even an empty one, proves it or throws.
 * @param identities `AGE-SECRET-KEY-1…`
 * @throws BastionError what openAgeHeader throws; artifact_damaged from every read of what is not authentic or lies outside
 */
export async function openAgeRange(inner: RangeReader, identities: readonly string[]): Promise<AgeRangeReader> {
  const { payloadKey, payloadOffset } = openAgeHeader(await readHead(inner), identities)
  const sealedBytes = inner.sizeBytes - payloadOffset
  const sizeBytes = plaintextSize(sealedBytes)
  const finalChunk = Math.max(0, Math.ceil(sizeBytes / ageChunkBytes) - 1)
  let kept: { chunkNumber: number; plaintext: Uint8Array } | undefined

  /** The chunks that hold `offset` … `end` (exclusive); the final one when the range is empty at the end, none when it is empty elsewhere. */
  function chunksOf(offset: number, end: number): { first: number; after: number } {
    if (!(offset >= 0 && offset <= end && end <= sizeBytes)) {
      throw new BastionError('artifact_damaged', `Bytes ${offset} to ${end} were asked for, but the decrypted data has ${sizeBytes}.`)
    }
    if (offset === end && end < sizeBytes) return { first: 0, after: 0 }
    return { first: Math.min(Math.floor(offset / ageChunkBytes), finalChunk), after: Math.max(1, Math.ceil(end / ageChunkBytes)) }
  }

  function open(chunkNumber: number, sealed: Uint8Array): Uint8Array {
    return openChunk(payloadKey, chunkNumber, chunkNumber === finalChunk, sealed)
  }

  function sealedOffset(chunkNumber: number): number {
    return payloadOffset + Math.min(chunkNumber * ageSealedChunkBytes, sealedBytes)
  }

  return {
    sizeBytes,
    payloadKey,

    async readSealed(offset, length, signal) {
      const { first, after } = chunksOf(offset, offset + length)
      const start = sealedOffset(first)
      const bytes = await inner.read(start, sealedOffset(after) - start, signal)
      return { bytes, range: { firstChunk: first, isLast: after > finalChunk, skip: offset - first * ageChunkBytes, lengthBytes: length } }
    },

    async read(offset, length, signal) {
      const { first, after } = chunksOf(offset, offset + length)
      const head = kept?.chunkNumber === first && first < after ? within(kept.plaintext, first, offset, offset + length) : undefined
      let next = head === undefined ? first : first + 1
      const start = sealedOffset(next)
      // Read before room is made for it: what is not there needs none.
      const sealed = next < after ? await inner.read(start, sealedOffset(after) - start, signal) : undefined
      const plaintext = new Uint8Array(length)
      if (head !== undefined) plaintext.set(head)
      if (sealed === undefined) return plaintext
      for (; next < after; next++) {
        const chunk = open(next, sealed.subarray(sealedOffset(next) - start, sealedOffset(next + 1) - start))
        plaintext.set(within(chunk, next, offset, offset + length), Math.max(0, next * ageChunkBytes - offset))
        kept = { chunkNumber: next, plaintext: chunk }
      }
      return plaintext
    },

    async *stream(offset, end = sizeBytes, signal) {
      const { first, after } = chunksOf(offset, end)
      if (first === after) return
      let next = first
      // Nothing is kept here: the pieces belong to the caller, who may hand their memory to another thread.
      for await (const { bytes } of slices(inner.stream(sealedOffset(first), sealedOffset(after), signal), ageSealedChunkBytes)) {
        const piece = within(open(next, bytes), next, offset, end)
        next++
        if (piece.length > 0) yield piece
      }
      if (next !== after) throw new BastionError('artifact_damaged', `The encrypted data ends before chunk ${next}.`)
    },
  }
}

/** The part of a chunk's plaintext that lies in `offset` … `end` (exclusive) of the whole. */
function within(plaintext: Uint8Array, chunkNumber: number, offset: number, end: number): Uint8Array {
  const start = chunkNumber * ageChunkBytes
  return plaintext.subarray(Math.max(0, offset - start), Math.max(0, end - start))
}

async function readHead(inner: RangeReader): Promise<Uint8Array> {
  const head = await inner.read(0, Math.min(firstReadBytes, inner.sizeBytes))
  const needed = ageHeadSize(head) ?? maxHeaderBytes + payloadNonceBytes
  return needed <= head.length || head.length === inner.sizeBytes ? head : await inner.read(0, Math.min(needed, inner.sizeBytes))
}
