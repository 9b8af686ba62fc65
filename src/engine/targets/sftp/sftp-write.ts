import { BastionError } from '../../../core/errors.ts'
import { orCanceled, untilCanceled } from '../cancellation.ts'
import type { PutOptions } from '../target.ts'
import type { SftpSession } from './sftp-session.ts'

/** What OpenSSH takes in one request. ssh2 makes more than one of it where a server takes less. */
export const pieceBytes = 255 * 1024
/** Requests sent and not answered: what a put needs of memory, times a piece. */
const piecesUnderWay = 32

/**
 * Writes the body to an open file; when it resolves the server has answered for every byte.
 * @param object how messages name it
 * @returns the bytes written, equal to `sizeBytes` where that is given
 */
export async function writeBody(
  session: SftpSession,
  handle: Buffer,
  object: string,
  body: Uint8Array | AsyncIterable<Uint8Array>,
  { sizeBytes, onChunkDone, signal }: PutOptions,
): Promise<number> {
  const underWay: Promise<void>[] = []
  let receivedBytes = 0
  let sentBytes = 0
  /** small chunks, gathered to a piece */
  let gathered = Buffer.alloc(0)
  let gatheredBytes = 0
  let isOver = false

  function letGo(slice: Uint8Array): void {
    // After a put that failed the chunks are the caller's again.
    if (!isOver) onChunkDone?.(slice)
  }

  /** @param slice of a chunk of the body, which is not needed any more when it is written */
  async function send(piece: Buffer, slice?: Uint8Array): Promise<void> {
    if (underWay.length >= piecesUnderWay) await orCanceled(underWay.shift()!, signal)
    const written = session.write(handle, piece, sentBytes)
    const done = slice === undefined ? written : written.then(() => letGo(slice))
    done.catch(() => {}) // awaited in its turn
    underWay.push(done)
    sentBytes += piece.length
  }

  async function sendGathered(): Promise<void> {
    if (gatheredBytes === 0) return
    await send(gathered.subarray(0, gatheredBytes))
    gathered = Buffer.alloc(0)
    gatheredBytes = 0
  }

  async function take(chunk: Uint8Array): Promise<void> {
    for (let rest = chunk; rest.length > 0;) {
      const slice = rest.subarray(0, pieceBytes - gatheredBytes)
      // A slice that is done may have no memory any more.
      rest = rest.subarray(slice.length)
      if (slice.length === pieceBytes) {
        await send(Buffer.from(slice.buffer, slice.byteOffset, slice.byteLength), slice)
        continue
      }
      if (gatheredBytes === 0) gathered = Buffer.allocUnsafeSlow(pieceBytes)
      gathered.set(slice, gatheredBytes)
      gatheredBytes += slice.length
      letGo(slice)
      if (gatheredBytes === pieceBytes) await sendGathered()
    }
  }

  try {
    if (body instanceof Uint8Array) {
      if (sizeBytes !== undefined && body.length !== sizeBytes) throw sizeError(object, sizeBytes, String(body.length))
      for (let at = 0; at < body.length; at += pieceBytes) {
        const slice = body.subarray(at, at + pieceBytes)
        await send(Buffer.from(slice.buffer, slice.byteOffset, slice.byteLength), slice)
      }
      await orCanceled(Promise.all(underWay), signal)
      return body.length
    }
    for await (const chunk of untilCanceled(body, signal)) {
      receivedBytes += chunk.length
      if (sizeBytes !== undefined && receivedBytes > sizeBytes) throw sizeError(object, sizeBytes, `more than ${sizeBytes}`)
      await take(chunk)
    }
    if (sizeBytes !== undefined && receivedBytes < sizeBytes) throw sizeError(object, sizeBytes, String(receivedBytes))
    await sendGathered()
    await orCanceled(Promise.all(underWay), signal)
    return receivedBytes
  } finally {
    isOver = true
  }
}

function sizeError(object: string, expectedBytes: number, got: string): BastionError {
  return new BastionError('target_rejected', `${object} was to have ${expectedBytes} bytes, its body has ${got}.`)
}
