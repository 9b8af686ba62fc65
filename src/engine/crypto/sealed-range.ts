import { BastionError } from '../../core/errors.ts'
import type { AgePayloadKey } from './age-header.ts'
import { ageChunkBytes, ageSealedChunkBytes, ageTagBytes, openChunk } from './age-stream.ts'

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
  const plaintext = Buffer.allocUnsafeSlow(lengthBytes)
  let at = -skip
  let partly: Uint8Array | undefined
  for (let chunk = firstChunk, start = 0; start < sealed.length; chunk += 1) {
    const end = Math.min(start + ageSealedChunkBytes, sealed.length)
    const isWanted = at >= 0 && at + end - start - ageTagBytes <= lengthBytes
    const into = isWanted ? plaintext.subarray(at) : (partly ??= new Uint8Array(ageChunkBytes))
    const opened = openChunk(payloadKey, chunk, isLast && end === sealed.length, sealed.subarray(start, end), into)
    // Of the first chunk and of the last some may lie outside of the range.
    if (!isWanted) plaintext.set(opened.subarray(Math.max(0, -at), Math.max(0, lengthBytes - at)), Math.max(0, at))
    at += opened.length
    start = end
  }
  if (lengthBytes > 0 && at < lengthBytes)
    throw new BastionError('artifact_damaged', 'The encrypted data is damaged: a range ends before its last chunk.')
  return plaintext
}
