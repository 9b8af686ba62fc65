import { S3Client, type S3ClientConfig } from '@aws-sdk/client-s3'
import { NodeHttpHandler } from '@smithy/node-http-handler'
import { getCACertificates } from 'node:tls'
import { Agent } from 'undici'
import type { Clock } from '../../../core/clock.ts'
import { BastionError } from '../../../core/errors.ts'
import { cancellationOf, throwIfCanceled } from '../cancellation.ts'
import { s3Error } from './s3-error.ts'
import { createWholePut, type WholePut } from './whole-put.ts'

export interface S3Timeouts {
  connectMs: number
  /** for an answer to begin, and for each further piece of its body */
  answerMs: number
  /** More time is given to a request with a body, as much as it needs at this rate. */
  minBytesPerSecond: number
}

export interface S3Credentials {
  accessKeyId: string
  secretAccessKey: string
  /** of temporary credentials */
  sessionToken?: string | undefined
}

export interface S3ConnectionOptions {
  bucket: string
  /** absent: Amazon's for the region */
  endpoint?: string | undefined
  region: string
  /** `https://host/bucket/key` instead of `https://bucket.host/key` */
  pathStyle: boolean
  /** absent: what the SDK finds, in ~/.aws, at the machine's own metadata service … */
  credentials?: S3Credentials | undefined
  /** PEM of a CA that is trusted besides those Node trusts */
  caCertificate?: string | undefined
  timeouts: S3Timeouts
  clock: Clock
}

export interface S3Request {
  /** how the message of an error starts: `Cannot store "a/b" in s3://bucket` */
  doing: string
  bodyBytes?: number
  /** For requests a server works on before it answers. @default the same as for all */
  answerMs?: number
  signal?: AbortSignal | undefined
}

export interface S3Connection {
  readonly bucket: string
  readonly timeouts: S3Timeouts
  /** To be asked for. */
  readonly putWhole: WholePut
  /**
   * Sends a request once, and waits for its answer as long as its size allows.
   * @throws target_… · after an abort, the cancellation
   */
  ask<Answer>(request: S3Request, send: (client: S3Client, options: { abortSignal: AbortSignal }) => Promise<Answer>): Promise<Answer>
  /** What an error means that came after the answer, with its body. */
  explain(error: unknown, doing: string): unknown
  close(): Promise<void>
}

const maxConnections = 64

/** Connections are kept and used again; nothing is sent before the first request. */
export function createS3Connection({ bucket, timeouts, clock, ...options }: S3ConnectionOptions): S3Connection {
  const ca = options.caCertificate === undefined ? undefined : [...getCACertificates('default'), options.caCertificate]
  const client = new S3Client(clientConfig(options, timeouts, ca))
  // Who asks has a time limit of its own.
  const dispatcher = new Agent({
    allowH2: false,
    connections: maxConnections,
    headersTimeout: 0,
    bodyTimeout: 0,
    connect: { timeout: timeouts.connectMs, ...(ca && { ca }) },
  })

  async function ask<Answer>(
    { doing, bodyBytes = 0, answerMs = timeouts.answerMs, signal }: S3Request,
    send: (client: S3Client, options: { abortSignal: AbortSignal }) => Promise<Answer>,
  ): Promise<Answer> {
    throwIfCanceled(signal)
    const waitMs = answerMs + (bodyBytes / timeouts.minBytesPerSecond) * 1000
    const ending = new AbortController()
    // Not AbortSignal.any: a run's one signal would collect what depends on it, request by request.
    const onAbort = (): void => ending.abort(cancellationOf(signal!))
    const timer = setTimeout(() => ending.abort(new BastionError('target_timeout', `${doing}: no answer in ${Math.ceil(waitMs / 1000)} s.`)), waitMs)
    signal?.addEventListener('abort', onAbort, { once: true })
    try {
      return await send(client, { abortSignal: ending.signal })
    } catch (error) {
      throw ending.signal.aborted ? cancellationOf(ending.signal) : s3Error(error, doing, clock.now())
    } finally {
      clearTimeout(timer)
      signal?.removeEventListener('abort', onAbort)
    }
  }

  return {
    bucket,
    timeouts,
    putWhole: createWholePut({ client, bucket, dispatcher, clock }),
    ask,
    explain: (error, doing) => s3Error(error, doing, clock.now()),
    async close() {
      client.destroy()
      await dispatcher.destroy()
    },
  }
}

type ClientOptions = Pick<S3ConnectionOptions, 'endpoint' | 'region' | 'pathStyle' | 'credentials'>

function clientConfig({ endpoint, region, pathStyle, credentials }: ClientOptions, timeouts: S3Timeouts, ca: string[] | undefined): S3ClientConfig {
  return {
    region,
    ...(endpoint !== undefined && { endpoint }),
    ...(credentials && { credentials: identityOf(credentials) }),
    forcePathStyle: pathStyle,
    // Retries are the retrying target's, which knows what can be sent again.
    maxAttempts: 1,
    // Older servers refuse or misread the newer checksum headers. Bytes are covered all the same: the signature of every request includes the
    // SHA-256 of its body, which the server compares with what came (`XAmzContentSHA256Mismatch`).
    requestChecksumCalculation: 'WHEN_REQUIRED',
    responseChecksumValidation: 'WHEN_REQUIRED',
    // It would open a new connection for every large piece.
    expectContinueHeader: false,
    requestHandler: new NodeHttpHandler({
      connectionTimeout: timeouts.connectMs,
      httpAgent: { keepAlive: true, maxSockets: maxConnections },
      httpsAgent: { keepAlive: true, maxSockets: maxConnections, ...(ca && { ca }) },
      // It warns on the console of what is no fault here: requests that wait for a socket.
      socketAcquisitionWarningTimeout: 2 ** 31 - 1,
    }),
  }
}

function identityOf({ sessionToken, ...pair }: S3Credentials): Omit<S3Credentials, 'sessionToken'> & { sessionToken?: string } {
  return { ...pair, ...(sessionToken !== undefined && { sessionToken }) }
}
