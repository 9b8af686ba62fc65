import {
  AbortMultipartUploadCommand,
  CompleteMultipartUploadCommand,
  CreateMultipartUploadCommand,
  UploadPartCommand,
  type CompletedPart,
} from '@aws-sdk/client-s3'
import { BastionError } from '../../../core/errors.ts'
import { throwIfCanceled } from '../cancellation.ts'
import type { Piece } from './gather-pieces.ts'
import { onCondition } from './on-condition.ts'
import type { S3Put } from './one-put.ts'
import { answerCodeOf } from './s3-error.ts'
import { markerName } from './s3-head.ts'

/** Of one put, on their way at once. */
const piecesInFlight = 4
/** A server puts the pieces together before it answers: minutes for very many. */
const completeMs = 10 * 60_000
/** Tidying up must not hold back for long the error, or the abort, that made it needed. */
const discardMs = 5_000

/**
 * Stores an object in pieces. Whatever fails, the upload is discarded with all its pieces; where that fails too, the leftover is told of.
 * @returns its length
 */
export async function uploadPieces(put: S3Put, first: Piece, rest: AsyncIterator<Piece>): Promise<number> {
  const upload = await begin(put, first)
  const { ending } = put
  const inFlight = new Set<Promise<void>>()
  let failure: { error: unknown } | undefined

  function send(piece: Piece, number: number): void {
    const sending = upload
      .send(piece, number)
      .catch((error: unknown) => {
        // What fails because the put is ending is not why it ends.
        if (!ending.signal.aborted) failure = { error }
        ending.abort(error)
      })
      .finally(() => inFlight.delete(sending))
    inFlight.add(sending)
  }

  async function next(): Promise<Piece> {
    while (inFlight.size >= piecesInFlight) await Promise.race(inFlight)
    throwIfCanceled(ending.signal)
    return (await rest.next()).value as Piece
  }

  try {
    let piece = first
    send(piece, 1)
    for (let number = 2; !piece.last; number++) {
      piece = await next()
      send(piece, number)
    }
    await Promise.all(inFlight)
    throwIfCanceled(ending.signal)
    return await upload.complete()
  } catch (error) {
    ending.abort(error)
    // A piece that arrives after the upload was discarded would stay.
    await Promise.all(inFlight)
    if (await upload.discard()) return upload.sentBytes()
    throw failure === undefined ? error : failure.error
  }
}

interface Upload {
  send(piece: Piece, number: number): Promise<void>
  complete(): Promise<number>
  /** @returns whether there was nothing to discard because the object had been completed, only its answer was lost */
  discard(): Promise<boolean>
  sentBytes(): number
}

async function begin(put: S3Put, first: Piece): Promise<Upload> {
  try {
    return await beginUpload(put)
  } catch (error) {
    first.release(true)
    throw error
  }
}

async function beginUpload(put: S3Put): Promise<Upload> {
  const { place, name, object, marker, ending } = put
  const { connection } = place
  const doing = `Cannot store ${object}`
  const address = { Bucket: connection.bucket, Key: name }
  const signal = ending.signal
  const created = await put.attempt(() =>
    connection.ask({ doing, signal }, (client, options) =>
      client.send(new CreateMultipartUploadCommand({ ...address, Metadata: { [markerName]: marker } }), options),
    ),
  )
  const UploadId = created.UploadId
  if (UploadId === undefined) throw new BastionError('target_rejected', `${doing}: the server began an upload without a name for it.`)
  const parts: CompletedPart[] = []
  let sentBytes = 0
  let completing = false

  async function isStored(): Promise<boolean> {
    const found = await place.lookAt(name, { doing, answerMs: discardMs })
    return found?.marker === marker && found.sizeBytes === sentBytes
  }

  return {
    sentBytes: () => sentBytes,

    async send({ bytes, release }, number) {
      let sent = false
      try {
        const { ETag } = await put.attempt(() =>
          connection.ask({ doing, bodyBytes: bytes.length, signal }, (client, options) =>
            client.send(new UploadPartCommand({ ...address, UploadId, PartNumber: number, Body: bytes, ContentLength: bytes.length }), options),
          ),
        )
        sent = true
        // An ETag is no hash, whatever it looks like: it is the name under which the server knows the piece.
        if (ETag === undefined) throw new BastionError('target_rejected', `${doing}: the server took piece ${number} without a name for it.`)
        parts.push({ PartNumber: number, ETag })
        sentBytes += bytes.length
      } finally {
        release(sent)
      }
    },

    async complete() {
      const MultipartUpload = { Parts: parts.toSorted((a, b) => a.PartNumber! - b.PartNumber!) }
      await put.attempt(() =>
        onCondition(put, (condition) => {
          completing = true
          return connection.ask({ doing, answerMs: completeMs, signal }, (client, options) =>
            client.send(new CompleteMultipartUploadCommand({ ...address, UploadId, MultipartUpload, ...condition }), options),
          )
        }),
      )
      const found = await put.attempt(() => place.lookAt(name, { doing, signal }))
      // An object with another mark is that of a later put of the same key.
      const isOthers = found?.marker !== undefined && found.marker !== marker
      if (found === null || (!isOthers && found.sizeBytes !== sentBytes)) {
        const stored = found === null ? 'nothing' : `${found.sizeBytes} bytes`
        throw new BastionError('target_rejected', `${doing}: it says that it has, and there is ${stored} instead of ${sentBytes} bytes.`)
      }
      return sentBytes
    },

    async discard() {
      try {
        await connection.ask({ doing: `Cannot discard the unfinished upload of ${object}`, answerMs: discardMs }, (client, options) =>
          client.send(new AbortMultipartUploadCommand({ ...address, UploadId }), options),
        )
      } catch (error) {
        if (answerCodeOf(error) !== 'NoSuchUpload') place.onLeftover?.(leftoverMessage(object, UploadId, error))
      }
      return completing && (await isStored().catch(() => false))
    },
  }
}

function leftoverMessage(object: string, uploadId: string, error: unknown): string {
  const reason = error instanceof Error ? error.message : String(error)
  return `${reason} It is stored, and may be charged for, until it is discarded: the upload ${uploadId} of ${object}.`
}
