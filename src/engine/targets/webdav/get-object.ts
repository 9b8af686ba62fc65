import { BastionError } from '../../../core/errors.ts'
import { throwIfCanceled } from '../cancellation.ts'
import type { GetOptions } from '../target.ts'
import { rangeBounds } from '../target-key.ts'
import { findResource } from './find-resources.ts'
import type { WebdavResponse } from './http-exchange.ts'
import { doingTo, isAbsent, isSentToCollection, refusal, type WebdavPlace } from './webdav-place.ts'

/** What a reader gets at a time. */
const pieceBytes = 1024 * 1024
/** A reader who has not begun by then is taken for one that never comes. */
const readerGraceMs = 1_000

/** An answer, and which of its bytes are wanted. */
interface OpenObject {
  response: WebdavResponse
  skipBytes: number
  wantedBytes: number
  /** that follow the wanted ones */
  restBytes: number
}

/**
 * The bytes of an object, or a range of them. The first reader reads the answer that showed that the object is there; a later one, or one that is late, asks again,
 * so that nothing is held open for a reader that never comes.
 * @throws target_not_found
 */
export async function getObject(place: WebdavPlace, segments: readonly string[], { range, signal }: GetOptions): Promise<AsyncIterable<Uint8Array>> {
  const { offset, end } = rangeBounds(range)
  const doing = doingTo(place, 'read', segments)
  const path = place.paths.object(segments)
  throwIfCanceled(signal)
  if (offset === end) {
    await requireObject()
    return nothing()
  }
  let opened = await open()
  if (opened === null) return nothing()
  const late = setTimeout(() => {
    opened?.response.abandon()
    opened = null
  }, readerGraceMs).unref()
  return {
    async *[Symbol.asyncIterator]() {
      clearTimeout(late)
      const own = opened ?? (await open())
      opened = null
      if (own !== null) yield* pieces(own)
    },
  }

  /** `null`: the object ends before the range begins. */
  async function open(): Promise<OpenObject | null> {
    const headers = range && { range: `bytes=${offset}-${end - 1}` }
    const response = await place.client.send({ method: 'GET', path, ...(headers && { headers }), doing, signal })
    try {
      if (response.status === 200) return await openWhole(response)
      if (response.status === 206 && range !== undefined) return openPart(response)
      if (isAbsent(response) || isSentToCollection(place, response, path)) throw notFound()
      // rclone's answer for a directory.
      if (response.status === 405) await requireObject()
      if (response.status === 416 && (await requireObject()) <= offset) return null
      throw refusal(place, response, doing)
    } catch (error) {
      response.abandon()
      throw error
    }
  }

  /** All of the object, also where only a range was asked for: then the server does not know ranges. */
  async function openWhole(response: WebdavResponse): Promise<OpenObject> {
    refuseEncoding(response)
    const length = response.header('content-length')
    // What has no length, or is a page, may be what a server shows for a directory.
    const isPlain = length !== undefined && response.header('content-type')?.includes('html') !== true
    const knownBytes = isPlain ? undefined : await requireObject()
    const sizeBytes = length === undefined ? knownBytes! : Number(length)
    const skipBytes = Math.min(offset, sizeBytes)
    const wantedBytes = Math.min(end, sizeBytes) - skipBytes
    return { response, skipBytes, wantedBytes, restBytes: sizeBytes - skipBytes - wantedBytes }
  }

  function openPart(response: WebdavResponse): OpenObject {
    refuseEncoding(response)
    const contentRange = response.header('content-range')
    const [, first, last, size] = /^bytes (\d+)-(\d+)\/(\d+)$/.exec(contentRange ?? '') ?? []
    if (Number(first) !== offset || Number(last) + 1 !== Math.min(end, Number(size))) {
      throw new BastionError(
        'target_rejected',
        `${doing}: bytes ${offset} to ${end - 1} were asked for, the server sends ${contentRange ?? 'it knows not which'}.`,
      )
    }
    return { response, skipBytes: 0, wantedBytes: Number(last) + 1 - offset, restBytes: 0 }
  }

  function refuseEncoding(response: WebdavResponse): void {
    const encoding = response.header('content-encoding') ?? 'identity'
    if (encoding === 'identity') return
    throw new BastionError('target_rejected', `${doing}: the server sends it encoded as ${encoding}, which was not asked for.`)
  }

  /** @returns its size @throws target_not_found */
  async function requireObject(): Promise<number> {
    const found = await findResource(place, segments, { doing, signal })
    if (found?.kind !== 'object') throw notFound()
    return found.sizeBytes
  }

  function notFound(): BastionError {
    return new BastionError('target_not_found', `${doing}: there is no such object.`)
  }

  /** The wanted bytes in pieces of their own: what comes from a connection shares its memory with other chunks. */
  async function* pieces({ response, skipBytes, wantedBytes, restBytes }: OpenObject): AsyncGenerator<Uint8Array, void, undefined> {
    let skip = skipBytes
    let left = wantedBytes
    let piece: Uint8Array | undefined
    let filled = 0
    for await (const chunk of response.bytes()) {
      let rest = chunk.subarray(Math.min(skip, chunk.byteLength))
      skip -= chunk.byteLength - rest.byteLength
      while (rest.byteLength > 0 && left > 0) {
        piece ??= Buffer.allocUnsafeSlow(Math.min(pieceBytes, left))
        const taken = rest.subarray(0, piece.byteLength - filled)
        piece.set(taken, filled)
        filled += taken.byteLength
        rest = rest.subarray(taken.byteLength)
        if (filled < piece.byteLength) continue
        left -= filled
        const full = piece
        piece = undefined
        filled = 0
        yield full
        throwIfCanceled(signal)
      }
      // The rest of a whole object is not waited for; the end of a body is, or its connection could not be used again.
      if (left === 0 && restBytes > 0) return
    }
    if (left > 0) throw new BastionError('target_unreachable', `${doing}: the server's answer ended ${left - filled} bytes early.`)
  }
}

async function* nothing(): AsyncGenerator<Uint8Array, void, undefined> {}
