import { PutObjectCommand, type S3Client } from '@aws-sdk/client-s3'
import type { Dispatcher } from 'undici'
import type { Clock } from '../../../core/clock.ts'
import { type AnswerError, answerErrorOf, readErrorText, requestIdHeader } from './s3-error.ts'
import { createRequestSigner, type RequestSigner } from './sign-request.ts'

type Middleware = Parameters<S3Client['middlewareStack']['add']>[0]
type Endpoint = Parameters<Middleware>[1]['endpointV2']

/** Only where there is no object yet. */
export interface PutCondition {
  IfNoneMatch?: '*'
}

/** An object that is stored in one request. */
export interface WholeObject {
  /** in the bucket */
  name: string
  bytes: Uint8Array
  /** kept with it */
  metadata?: Readonly<Record<string, string>>
  condition?: PutCondition
}

/** Stores an object in one request; who answers without an ETag has not. @throws what {@link s3Error} explains */
export type WholePut = (object: WholeObject, options: { abortSignal: AbortSignal }) => Promise<void>

/** Where the SDK sends the objects of a bucket. */
interface ObjectPlace {
  origin: string
  host: string
  /** before their names: with a `/` at its end */
  path: string
  sign: RequestSigner
}

const service = 's3'
/** Clocks that differ by more are corrected by what the server says; as the SDK does it. */
const skewMs = 5 * 60_000

/**
 * A small file takes the SDK some half a millisecond of computing, more than reading, hashing and sending it together. So objects are sent straight to where the SDK has sent its first
 * request, with the credentials it has found. Of a bucket that wants another signature than the common one they are all the SDK's.
 */
export function createWholePut(options: { client: S3Client; bucket: string; dispatcher: Dispatcher; clock: Clock }): WholePut {
  const { client, bucket, dispatcher, clock } = options
  let place: ObjectPlace | undefined
  client.middlewareStack.add(
    (next, context) => (given) => {
      place ??= placeOf(context.endpointV2)
      return next(given)
    },
    { step: 'finalizeRequest', name: 'learnObjectPlace' },
  )

  async function sendStraight({ origin, host, path, sign }: ObjectPlace, object: WholeObject, signal: AbortSignal): Promise<void> {
    const { name, bytes, metadata = {}, condition } = object
    const headers: Record<string, string> = { host, 'user-agent': 'bastion', 'content-type': 'application/octet-stream' }
    for (const [key, value] of Object.entries(metadata)) headers[`x-amz-meta-${key}`] = value
    if (condition?.IfNoneMatch !== undefined) headers['if-none-match'] = condition.IfNoneMatch
    const request = { method: 'PUT' as const, path: path + name.split('/').map(percentEncoded).join('/') }
    const now = clock.now() + client.config.systemClockOffset
    const signed = sign({ ...request, headers, body: bytes }, await client.config.credentials(), now)
    const answer = await dispatcher.request({ ...request, origin, headers: signed, body: bytes, signal })
    if (answer.statusCode < 300 && answer.headers['etag'] !== undefined) return answer.body.dump()
    throw await refusalOf(answer)
  }

  async function refusalOf({ statusCode, headers, body }: Dispatcher.ResponseData): Promise<AnswerError> {
    const aheadMs = Date.parse(String(headers['date'])) - clock.now()
    if (Math.abs(aheadMs - client.config.systemClockOffset) >= skewMs) client.config.systemClockOffset = aheadMs
    return answerErrorOf(statusCode, headers, await readErrorText(body))
  }

  return async (object, { abortSignal }) => {
    if (place !== undefined) return sendStraight(place, object, abortSignal)
    const { name, bytes, metadata, condition } = object
    const input = {
      Bucket: bucket,
      Key: name,
      Body: bytes,
      ContentLength: bytes.length,
      ...(metadata && { Metadata: { ...metadata } }),
      ...condition,
    }
    const { ETag, $metadata } = await client.send(new PutObjectCommand(input), { abortSignal })
    if (ETag === undefined) throw answerErrorOf($metadata.httpStatusCode ?? 200, { [requestIdHeader]: $metadata.requestId }, '')
  }
}

function placeOf(endpoint: Endpoint): ObjectPlace | undefined {
  const [scheme] = endpoint?.properties?.authSchemes ?? []
  if (endpoint === undefined || scheme?.name !== 'sigv4' || scheme['signingName'] !== service) return undefined
  const { origin, host, pathname } = endpoint.url
  const sign = createRequestSigner({ region: scheme['signingRegion'], service })
  return { origin, host, path: pathname.endsWith('/') ? pathname : `${pathname}/`, sign }
}

/** As RFC 3986 has it, and so the signature: everything but letters, digits and `-._~`. */
function percentEncoded(segment: string): string {
  return encodeURIComponent(segment).replaceAll(/[!'()*]/g, (character) => `%${character.codePointAt(0)!.toString(16).toUpperCase()}`)
}
