import { randomUUID } from 'node:crypto'
import { cancellationOf, throwIfCanceled } from '../cancellation.ts'
import type { PutOptions, PutResult } from '../target.ts'
import { gatherPieces, lengthError, slicePieces, type Piece } from './gather-pieces.ts'
import { uploadPieces } from './multipart-upload.ts'
import { onCondition } from './on-condition.ts'
import type { S3Put, S3PutPlace } from './one-put.ts'
import { pieceSizes } from './piece-size.ts'
import { markerName } from './s3-head.ts'

/**
 * Stores an object: in one request when it fits a piece, else in pieces (a multipart upload). Of a stream at most five pieces are held, four on their
 * way and the one being filled (40 MiB up to 70 GiB); all puts of a target together never hold more than its memory for pieces (128 MiB).
 */
export async function putObject(
  place: S3PutPlace,
  { name, object }: { name: string; object: string },
  body: Uint8Array | AsyncIterable<Uint8Array>,
  { sizeBytes, ifAbsent = false, onChunkDone, signal }: PutOptions,
): Promise<PutResult> {
  throwIfCanceled(signal)
  const whole = body instanceof Uint8Array
  if (whole && sizeBytes !== undefined && body.length !== sizeBytes) throw lengthError(object, sizeBytes, String(body.length))
  const pieceBytes = pieceSizes(whole ? body.length : sizeBytes, place.memory.budgetBytes, object)
  const ending = new AbortController()
  const onAbort = (): void => ending.abort(cancellationOf(signal!))
  signal?.addEventListener('abort', onAbort, { once: true })
  const put: S3Put = {
    place,
    name,
    object,
    ifAbsent,
    marker: randomUUID(),
    ending,
    // Bytes can be sent again by whoever gave them: that is the retrying target's.
    attempt: (work) => (whole || place.retries === undefined ? work() : place.retries.run(`store ${object}`, ending.signal, work)),
  }
  const pieces = whole
    ? slicePieces(body, pieceBytes)
    : gatherPieces(body, { object, memory: place.memory, pieceBytes, sizeBytes, onChunkDone, signal: ending.signal })
  try {
    const { value: first } = await pieces.next()
    // There is at least one.
    const piece = first as Piece
    return { sizeBytes: piece.last ? await putPiece(put, piece) : await uploadPieces(put, piece, pieces) }
  } finally {
    await pieces.return()
    signal?.removeEventListener('abort', onAbort)
  }
}

async function putPiece(put: S3Put, { bytes, release }: Piece): Promise<number> {
  const { place, name, object, ifAbsent, marker, ending } = put
  const { connection } = place
  let sent = false
  try {
    await put.attempt(() =>
      onCondition(put, (condition) =>
        connection.ask({ doing: `Cannot store ${object}`, bodyBytes: bytes.length, signal: ending.signal }, (_, options) =>
          connection.putWhole({ name, bytes, condition, ...(ifAbsent && { metadata: { [markerName]: marker } }) }, options),
        ),
      ),
    )
    sent = true
    return bytes.length
  } finally {
    release(sent)
  }
}
