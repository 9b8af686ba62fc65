import { GetObjectCommand } from '@aws-sdk/client-s3'
import type { Readable } from 'node:stream'
import { BastionError } from '../../../core/errors.ts'
import { mebibyte } from '../../../core/pipeline-spec.ts'
import { orCanceled, throwIfCanceled } from '../cancellation.ts'
import type { S3Connection } from './s3-connection.ts'
import { statusOf } from './s3-error.ts'

/** Fetched before the reader comes, and held for it: nothing else is, not even a connection. */
const firstBytes = mebibyte

interface ReadRequest {
  /** in the bucket */
  name: string
  doing: string
  signal?: AbortSignal | undefined
}

/** A part of an object as it was answered. */
interface Slice {
  body: Readable
  /** exclusive */
  end: number
  objectBytes: number
  /** Says only whether it is still the same object; it is no hash. */
  etag: string | undefined
}

/**
 * The bytes of an object from `offset` to `end` (exclusive) or to its end.
 * @throws target_not_found
 */
export async function readS3Object(
  connection: S3Connection,
  request: ReadRequest,
  { offset, end }: { offset: number; end: number },
): Promise<AsyncIterable<Uint8Array>> {
  // Of nothing a byte is asked for too: what is absent is to be told.
  const first = await requestSlice(connection, request, offset, Math.max(offset + 1, Math.min(end, offset + firstBytes)))
  if (first === null || offset === end) {
    first?.body.destroy()
    return nothing()
  }
  const bytes = await collect(readSlice(connection, request, offset, first), first.end - offset)
  const stop = Math.min(end, first.objectBytes)
  return bytes.length === stop - offset ? once(bytes) : withRest(connection, request, bytes, first, stop)
}

async function* withRest(
  connection: S3Connection,
  request: ReadRequest,
  bytes: Uint8Array,
  first: Slice,
  stop: number,
): AsyncGenerator<Uint8Array, void, undefined> {
  throwIfCanceled(request.signal)
  yield bytes
  const rest = await requestSlice(connection, request, first.end, stop)
  if (rest === null || rest.etag !== first.etag || rest.objectBytes !== first.objectBytes) {
    rest?.body.destroy()
    throw new BastionError('target_rejected', `${request.doing}: it changed while it was read.`)
  }
  yield* readSlice(connection, request, first.end, rest)
}

/** @returns null when the object ends at or before `offset`; @throws target_rejected when other bytes are answered than were asked for */
async function requestSlice(connection: S3Connection, request: ReadRequest, offset: number, end: number): Promise<Slice | null> {
  const Range = `bytes=${offset}-${end - 1}`
  try {
    const answer = await connection.ask(request, (client, options) =>
      client.send(new GetObjectCommand({ Bucket: connection.bucket, Key: request.name, Range }), options),
    )
    const body = answer.Body as unknown as Readable
    try {
      const { ContentLength, ContentRange, ETag } = answer
      const answered = ContentRange === undefined ? wholeObject(ContentLength) : parseContentRange(ContentRange)
      const isAsked = answered !== null && answered.offset === offset && answered.end === Math.min(end, answered.objectBytes)
      if (!isAsked || (ContentLength !== undefined && ContentLength !== answered.end - offset)) {
        throw new BastionError('target_rejected', `${request.doing}: ${Range} was asked for, the answer is ${ContentRange ?? 'the whole object'}.`)
      }
      return { body, end: answered.end, objectBytes: answered.objectBytes, etag: ETag }
    } catch (error) {
      body.destroy()
      throw error
    }
  } catch (error) {
    if (statusOf(error) === 416) return null
    throw error
  }
}

/** A server may answer with all of an object where that is what was asked for. */
function wholeObject(contentLength: number | undefined): { offset: number; end: number; objectBytes: number } | null {
  return contentLength === undefined ? null : { offset: 0, end: contentLength, objectBytes: contentLength }
}

/** `bytes 0-9/100` (RFC 9110, 14.4). */
function parseContentRange(text: string): { offset: number; end: number; objectBytes: number } | null {
  const [, first, last, size] = /^bytes (\d{1,16})-(\d{1,16})\/(\d{1,16})$/.exec(text) ?? []
  return size === undefined ? null : { offset: Number(first), end: Number(last) + 1, objectBytes: Number(size) }
}

/** The body of an answer, exactly as long as it is to be; let go of however the reading ends. */
async function* readSlice(
  connection: S3Connection,
  { doing, signal }: ReadRequest,
  offset: number,
  { body, end }: Slice,
): AsyncGenerator<Uint8Array, void, undefined> {
  let reached = offset
  const chunks = body[Symbol.asyncIterator]() as AsyncIterator<Uint8Array>
  try {
    for (;;) {
      const step = await orCanceled(inTime(chunks.next(), connection.timeouts.answerMs, doing), signal)
      if (step.done === true) break
      reached += step.value.length
      if (reached > end) break
      yield ownBytes(step.value)
      throwIfCanceled(signal)
    }
  } catch (error) {
    throw connection.explain(error, doing)
  } finally {
    // Not return(): it would wait for a chunk that is under way and may never come.
    body.destroy()
  }
  if (reached !== end) {
    throw new BastionError('target_unreachable', `${doing}: the answer broke off after ${reached - offset} of ${end - offset} bytes.`)
  }
}

/** Time counts only while the server is waited for, not while the reader works. */
async function inTime<T>(promise: Promise<T>, waitMs: number, doing: string): Promise<T> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new BastionError('target_timeout', `${doing}: no more of it came in ${Math.ceil(waitMs / 1000)} s.`)), waitMs)
  })
  promise.catch(() => {})
  try {
    return await Promise.race([promise, late])
  } finally {
    clearTimeout(timer)
  }
}

/** A reader may hand its chunk to another thread, which takes the whole buffer it lies in. */
function ownBytes(chunk: Uint8Array): Uint8Array {
  return chunk.length === chunk.buffer.byteLength ? chunk : new Uint8Array(chunk)
}

async function collect(chunks: AsyncIterable<Uint8Array>, lengthBytes: number): Promise<Uint8Array> {
  const bytes = Buffer.allocUnsafeSlow(lengthBytes)
  let filled = 0
  for await (const chunk of chunks) {
    bytes.set(chunk, filled)
    filled += chunk.length
  }
  return bytes
}

async function* once(bytes: Uint8Array): AsyncGenerator<Uint8Array, void, undefined> {
  if (bytes.length > 0) yield bytes
}

async function* nothing(): AsyncGenerator<Uint8Array, void, undefined> {}
