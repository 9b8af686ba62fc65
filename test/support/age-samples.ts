import type { RangeReader } from '../../src/engine/formats/range-reader.ts'
import { seededRandom } from './seed.ts'

/** `bytes` as a stream of pieces of `pieceBytes`. */
export async function* inPieces(bytes: Uint8Array, pieceBytes = bytes.length): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += pieceBytes) yield bytes.subarray(at, at + pieceBytes)
}

/** All the bytes of `source` up to its end or its error, which is given and not thrown. */
export async function drain(source: AsyncIterable<Uint8Array>): Promise<{ bytes: Buffer; error: Error | undefined }> {
  const pieces: Uint8Array[] = []
  let error: Error | undefined
  try {
    for await (const piece of source) pieces.push(Uint8Array.from(piece))
  } catch (thrown) {
    error = thrown as Error
  }
  return { bytes: Buffer.concat(pieces), error }
}

/** All the bytes of `source`. */
export async function collect(source: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const { bytes, error } = await drain(source)
  if (error !== undefined) throw error
  return bytes
}

/** Bytes that differ from place to place, the same ones for the same seed. */
export function sampleBytes(sizeBytes: number): Buffer {
  const random = seededRandom(sizeBytes + 1)
  const words = new Uint32Array(Math.ceil(sizeBytes / 4)).map(() => random() * 2 ** 32)
  return Buffer.from(words.buffer, 0, sizeBytes)
}

/** A reader of `bytes` that notes what is asked of it, and streams in pieces of `pieceBytes`. */
export function bytesReader(bytes: Uint8Array, pieceBytes = 10_000): RangeReader & { asked: [offset: number, length: number][] } {
  const asked: [number, number][] = []
  return {
    asked,
    sizeBytes: bytes.length,
    async read(offset, length) {
      if (offset < 0 || length < 0 || offset + length > bytes.length) throw new Error(`bytes ${offset} + ${length} of ${bytes.length} were asked for`)
      asked.push([offset, length])
      return Uint8Array.from(bytes.subarray(offset, offset + length))
    },
    stream(offset, end = bytes.length) {
      if (offset < 0 || end < offset || end > bytes.length) throw new Error(`bytes ${offset} to ${end} of ${bytes.length} were asked for`)
      asked.push([offset, end - offset])
      return inPieces(bytes.subarray(offset, end), pieceBytes)
    },
  }
}
