import { BastionError } from '../../../core/errors.ts'
import { untilCanceled } from '../cancellation.ts'
import type { PieceMemory } from './piece-memory.ts'

/** Bytes to be sent in one request. */
export interface Piece {
  bytes: Uint8Array
  /** Nothing follows it. */
  last: boolean
  /** To be called once. @param sent false when the request was broken off: something may still read the bytes */
  release(sent: boolean): void
}

export interface GatherOptions {
  /** how messages name the object */
  object: string
  memory: PieceMemory
  /** of the piece of a number, from 1 */
  pieceBytes: (number: number) => number
  sizeBytes?: number | undefined
  onChunkDone?: ((chunk: Uint8Array) => void) | undefined
  signal: AbortSignal
}

/**
 * Copies a body into pieces. One is yielded when it is full and the next chunk has come, so that the last one is known as such; at least one is.
 * @throws target_rejected when the body is not `sizeBytes` long, before its last piece is out
 */
export async function* gatherPieces(body: AsyncIterable<Uint8Array>, options: GatherOptions): AsyncGenerator<Piece, void, undefined> {
  const { object, memory, pieceBytes, sizeBytes, onChunkDone, signal } = options
  let piece: Uint8Array | undefined
  let filledBytes = 0
  let receivedBytes = 0
  let number = 0

  function handOver(last: boolean): Piece {
    const full = piece
    const bytes = full?.subarray(0, filledBytes) ?? new Uint8Array(0)
    piece = undefined
    filledBytes = 0
    return { bytes, last, release: (sent) => full !== undefined && memory.give(full, sent) }
  }

  try {
    for await (const chunk of untilCanceled(body, signal)) {
      if (sizeBytes !== undefined && receivedBytes + chunk.length > sizeBytes) throw lengthError(object, sizeBytes, `more than ${sizeBytes}`)
      for (let at = 0; at < chunk.length;) {
        if (piece !== undefined && filledBytes === piece.length) yield handOver(false)
        piece ??= await memory.take(Math.min(pieceBytes(++number), (sizeBytes ?? Infinity) - receivedBytes), signal)
        const count = Math.min(chunk.length - at, piece.length - filledBytes)
        piece.set(chunk.subarray(at, at + count), filledBytes)
        at += count
        filledBytes += count
        receivedBytes += count
      }
      onChunkDone?.(chunk)
    }
    if (sizeBytes !== undefined && receivedBytes < sizeBytes) throw lengthError(object, sizeBytes, String(receivedBytes))
    yield handOver(true)
  } finally {
    if (piece !== undefined) memory.give(piece, true)
  }
}

/** The pieces of a body that is in memory already: slices of it. */
export async function* slicePieces(body: Uint8Array, pieceBytes: (number: number) => number): AsyncGenerator<Piece, void, undefined> {
  let number = 0
  let offset = 0
  do {
    const bytes = body.subarray(offset, offset + pieceBytes(++number))
    offset += bytes.length
    yield { bytes, last: offset === body.length, release: () => {} }
  } while (offset < body.length)
}

export function lengthError(object: string, expectedBytes: number, got: string): BastionError {
  return new BastionError('target_rejected', `${object} was to have ${expectedBytes} bytes, its body has ${got}.`)
}
