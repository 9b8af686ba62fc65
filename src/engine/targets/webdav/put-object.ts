import { BastionError } from '../../../core/errors.ts'
import { orCanceled, throwIfCanceled, untilCanceled } from '../cancellation.ts'
import type { PutOptions, PutResult } from '../target.ts'
import { newTemporaryName } from '../temporary-name.ts'
import type { Collections } from './collections.ts'
import { findResource } from './find-resources.ts'
import type { WebdavResponse } from './http-exchange.ts'
import type { MoveObject } from './move-object.ts'
import { doingTo, isAbsent, isSuccess, refusal, type WebdavPlace } from './webdav-place.ts'

/** How long a server may take to remove what is left of an object that could not be stored. */
const cleanUpMs = 5_000

/**
 * Stores an object under a temporary name beside its own, looks whether all of it is there, and gives it its name. Servers differ in what becomes of a PUT that
 * ends early: this way it is never an object. With `inPlace` it has its name at once, and only a stream, whose end a proxy may have lost, is looked at.
 */
export async function putObject(
  place: WebdavPlace,
  collections: Collections,
  move: MoveObject,
  segments: readonly string[],
  body: Uint8Array | AsyncIterable<Uint8Array>,
  options: PutOptions,
): Promise<PutResult> {
  const { ifAbsent = false, inPlace = false, sizeBytes: dueBytes, signal } = options
  const doing = doingTo(place, 'store', segments)
  throwIfCanceled(signal)
  if (body instanceof Uint8Array && dueBytes !== undefined) requireSize(doing, body.byteLength, dueBytes)
  const directory = segments.slice(0, -1)
  await orCanceled(collections.make(place.paths.collection(directory), doing), signal)
  const sentTo = inPlace && !ifAbsent ? segments : [...directory, newTemporaryName(segments.at(-1)!)]
  const path = place.paths.object(sentTo)
  try {
    const sizeBytes = body instanceof Uint8Array ? await sendBytes(body) : await sendStream(body)
    if (sentTo !== segments || !(body instanceof Uint8Array)) await requireStored(sizeBytes)
    throwIfCanceled(signal)
    if (sentTo !== segments) await move(sentTo, segments, { overwrite: !ifAbsent, doing, signal })
    return { sizeBytes }
  } catch (error) {
    await removeSent()
    throw error
  }

  async function sendBytes(bytes: Uint8Array): Promise<number> {
    const request = { method: 'PUT', path, headers: octets, body: bytes, doing, signal } as const
    let response = await place.client.send(request)
    if (isMissingCollection(response) && (await makeAgain())) response = await place.client.send(request)
    requireTaken(response)
    return bytes.byteLength
  }

  /** What was known to be there may have been taken away by somebody else, such as a cleanup of empty directories. */
  async function makeAgain(): Promise<boolean> {
    const collection = place.paths.collection(directory)
    collections.forget(collection)
    return await orCanceled(collections.make(collection, doing), signal)
  }

  async function sendStream(chunks: AsyncIterable<Uint8Array>): Promise<number> {
    const sent = measured(untilCanceled(chunks, signal), doing, dueBytes)
    const upload = { chunks: sent.chunks, sizeBytes: dueBytes }
    const response = await place.client.send({ method: 'PUT', path, headers: octets, body: upload, doing, signal })
    requireTaken(response)
    if (sent.isWhole()) return sent.sizeBytes()
    throw new BastionError('target_rejected', `${doing}: the server says it is stored before all of it was sent.`)
  }

  function requireTaken(response: WebdavResponse): void {
    if (isSuccess(response)) return
    const error = refusal(place, response, doing)
    if (!isAbsent(response)) throw error
    throw new BastionError('target_rejected', `${doing}: its collection is not there any more.`, { details: error.details })
  }

  async function requireStored(sentBytes: number): Promise<void> {
    const stored = await findResource(place, sentTo, { doing, signal })
    const storedBytes = stored?.kind === 'object' ? stored.sizeBytes : 0
    if (stored?.kind === 'object' && storedBytes === sentBytes) return
    throw new BastionError('target_rejected', `${doing}: the server says it is stored, but has ${storedBytes} of its ${sentBytes} bytes.`, {
      hint: 'Look at the server, and at any proxy before it: its log, its free space, and whether it takes bodies of unknown length (chunked).',
    })
  }

  /** Best effort, for the first error is the one to tell. What stays goes with its directory. */
  async function removeSent(): Promise<void> {
    try {
      await place.client.send({ method: 'DELETE', path, doing, signal: AbortSignal.timeout(cleanUpMs) })
    } catch {
      return
    }
  }
}

const octets = { 'content-type': 'application/octet-stream' }

/** How servers answer a PUT into a collection that is not there: Apache 409, rclone 404, nginx 500. */
function isMissingCollection({ status }: WebdavResponse): boolean {
  return status === 404 || status === 409 || status === 500
}

function requireSize(doing: string, sizeBytes: number, dueBytes: number): void {
  if (sizeBytes === dueBytes) return
  const got = sizeBytes > dueBytes ? `more than ${dueBytes}` : String(sizeBytes)
  throw new BastionError('target_rejected', `${doing}: it was to have ${dueBytes} bytes, its body has ${got}.`)
}

/** A body that knows how far it was sent. It fails as soon as it has another length than is due. */
function measured(
  body: AsyncIterable<Uint8Array>,
  doing: string,
  dueBytes: number | undefined,
): { chunks: AsyncIterable<Uint8Array>; sizeBytes(): number; isWhole(): boolean } {
  let sentBytes = 0
  let whole = false
  async function* chunks(): AsyncGenerator<Uint8Array, void, undefined> {
    // Once it has all it was told to expect a server may answer, and nobody asks for more: of a body of known length the last chunk goes when its end was seen.
    let held: Uint8Array | null = null
    for await (const chunk of body) {
      if (chunk.byteLength === 0) continue
      sentBytes += chunk.byteLength
      if (dueBytes !== undefined && sentBytes > dueBytes) requireSize(doing, sentBytes, dueBytes)
      if (held !== null) yield held
      held = dueBytes === undefined ? null : chunk
      if (dueBytes === undefined) yield chunk
    }
    if (dueBytes !== undefined) requireSize(doing, sentBytes, dueBytes)
    whole = true
    if (held !== null) yield held
  }
  return { chunks: chunks(), sizeBytes: () => sentBytes, isWhole: () => whole }
}
