import type { AgePayloadKey } from './age-header.ts'
import { ageChunkBytes, ageSealedChunkBytes, openChunk } from './age-stream.ts'

/** Where a range of a payload lies in the whole sealed chunks that hold it. */
export interface SealedRange {
  firstChunk: number
  /** whether the last of the chunks is the last of the payload */
  isLast: boolean
  /** bytes of plaintext before the range in its first chunk */
  skip: number
  /** of the range */
  lengthBytes: number
}

/**
 * The plaintext of a range, in memory of its own: in whatever thread there is time for it.
 * @param sealed the chunks as they are stored
 * @throws BastionError artifact_damaged
 */
export function openSealedRange(payloadKey: AgePayloadKey, sealed: Uint8Array, { firstChunk, isLast, skip, lengthBytes }: SealedRange): Uint8Array {
  const plaintext = new Uint8Array(lengthBytes)
  let at = -skip
  for (let chunk = firstChunk, start = 0; start < sealed.length; chunk += 1) {
    const end = Math.min(start + ageSealedChunkBytes, sealed.length)
    const opened = openChunk(payloadKey, chunk, isLast && end === sealed.length, sealed.subarray(start, end))
    plaintext.set(opened.subarray(Math.max(0, -at), Math.max(0, lengthBytes - at)), Math.max(0, at))
    at += ageChunkBytes
    start = end
    // Freed at once, not when the collector gets to it.
    if (opened.byteLength === opened.buffer.byteLength) (opened.buffer as ArrayBuffer).transfer(0)
  }
  return plaintext
}
