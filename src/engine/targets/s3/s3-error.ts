import { XMLParser } from 'fast-xml-parser'
import { BastionError, type ErrorCode } from '../../../core/errors.ts'
import { connectionError } from '../connection-error.ts'
import { httpStatusError } from '../http-status-error.ts'

/** What the codes in an answer's body mean, where its status does not say it already. Amazon's list, and what Ceph, MinIO and Swift add to it. */
const codeOfAnswer: Readonly<Record<string, ErrorCode>> = {
  InvalidAccessKeyId: 'target_auth',
  SignatureDoesNotMatch: 'target_auth',
  AuthorizationHeaderMalformed: 'target_auth',
  InvalidSecurity: 'target_auth',
  InvalidToken: 'target_auth',
  ExpiredToken: 'target_auth',
  TokenRefreshRequired: 'target_auth',
  NotSignedUp: 'target_auth',
  RequestTimeTooSkewed: 'target_auth',
  PermanentRedirect: 'target_auth',
  TemporaryRedirect: 'target_auth',
  IllegalLocationConstraintException: 'target_auth',
  // As with a disk that is not mounted: the place is not there, and nothing may be concluded from what is not in it.
  NoSuchBucket: 'target_identity',
  NoSuchKey: 'target_not_found',
  NoSuchUpload: 'target_rejected',
  InvalidObjectState: 'target_rejected',
  QuotaExceeded: 'target_full',
  InsufficientCapacity: 'target_full',
  XMinioStorageFull: 'target_full',
  XMinioAdminBucketQuotaExceeded: 'target_full',
  SlowDown: 'target_rate_limited',
  SlowDownRead: 'target_rate_limited',
  SlowDownWrite: 'target_rate_limited',
  TooManyRequests: 'target_rate_limited',
  TooManyRequestsException: 'target_rate_limited',
  RequestLimitExceeded: 'target_rate_limited',
  BandwidthLimitExceeded: 'target_rate_limited',
  Throttling: 'target_rate_limited',
  ThrottlingException: 'target_rate_limited',
  RequestThrottled: 'target_rate_limited',
  RequestTimeout: 'target_timeout',
  // Bytes that came damaged, and two writers in each other's way: sent again it may pass.
  BadDigest: 'target_unreachable',
  XAmzContentSHA256Mismatch: 'target_unreachable',
  IncompleteBody: 'target_unreachable',
  ConditionalRequestConflict: 'target_unreachable',
  OperationAborted: 'target_unreachable',
  InternalError: 'target_unreachable',
  ServiceUnavailable: 'target_unreachable',
}

/** Of a bucket elsewhere: the signature names the wrong region. Only some of these answers have a body that says so. */
const redirects: readonly number[] = [301, 307, 308]

const hints: Readonly<Record<string, string>> = {
  NoSuchBucket: 'Create the bucket, or check its name, the endpoint and the region. Nothing was written.',
  RequestTimeTooSkewed: 'The clocks of this machine and of the target differ too much. Set this one.',
  AuthorizationHeaderMalformed: 'The region may be the wrong one: give the one the bucket is in.',
  PermanentRedirect: 'The bucket is in another region: give that one.',
  TemporaryRedirect: 'The bucket is in another region: give that one.',
  IllegalLocationConstraintException: 'The bucket is in another region: give that one.',
  InvalidObjectState: 'The object lies in an archive class of the store. Have it restored there first.',
}

/** What the SDK throws for an answer that is an error, and for one it cannot read. */
export interface AnswerError extends Error {
  Code?: string
  $metadata: { httpStatusCode?: number }
  $response?: { headers?: Readonly<Record<string, unknown>> }
}

/** Of the body of an error: many times what one has. */
const maxErrorBytes = 64 * 1024
const parser = new XMLParser({ ignoreAttributes: true, parseTagValue: false, processEntities: false })

/** The text of an answer that is an error, or of one that is not an S3 server's its beginning. */
export async function readErrorText(body: AsyncIterable<Uint8Array>): Promise<string> {
  const chunks: Uint8Array[] = []
  let bytes = 0
  for await (const chunk of body) {
    chunks.push(chunk)
    if ((bytes += chunk.byteLength) >= maxErrorBytes) break
  }
  return Buffer.concat(chunks).toString()
}

/** The same of a request that was not the SDK's. @param text the body of the answer: an `Error` with its `Code` and `Message`, or anything else */
export function answerErrorOf(status: number, headers: Readonly<Record<string, unknown>>, text: string): AnswerError {
  const { Code, Message } = errorElementOf(text)
  return Object.assign(new Error(typeof Message === 'string' ? Message : ''), {
    ...(typeof Code === 'string' && { Code }),
    $metadata: { httpStatusCode: status },
    $response: { headers },
  })
}

function errorElementOf(text: string): { Code?: unknown; Message?: unknown } {
  try {
    const { Error: element } = parser.parse(text) as { Error?: unknown }
    return typeof element === 'object' && element !== null ? element : {}
  } catch {
    return {}
  }
}

/** With the number of the request, in every answer of S3. */
export const requestIdHeader = 'x-amz-request-id'

/** The S3 code of a failed request (`SlowDown`), or where the answer has no body to hold one `''`. */
export function answerCodeOf(error: unknown): string {
  return error instanceof BastionError && typeof error.details['s3_code'] === 'string' ? error.details['s3_code'] : ''
}

/** The HTTP status of a failed request that was answered. */
export function statusOf(error: unknown): number | undefined {
  return error instanceof BastionError && typeof error.details['status'] === 'number' ? error.details['status'] : undefined
}

/**
 * What a failed request means for the target. What is none comes back as it is: a bug. The SDK's own error is not kept where there was an answer: it
 * holds the whole of it, and what it names (`StringToSign`) is nobody's business.
 * @param doing how the sentence starts: `Cannot store "a/b" in s3://bucket`
 * @param nowMs against which a `Retry-After` with a date is counted
 */
export function s3Error(error: unknown, doing: string, nowMs: number): unknown {
  if (!(error instanceof Error) || error instanceof BastionError) return error
  if (error.name === 'CredentialsProviderError') {
    return new BastionError('target_auth', `${doing}: there are no credentials for it.`, { cause: error })
  }
  if (error.name === 'EndpointError') return new BastionError('invalid_spec', `${doing}: ${sentencePart(error.message)}.`, { cause: error })
  return isAnswer(error) ? answerError(error, doing, nowMs) : connectionError(error, doing)
}

function isAnswer(error: Error): error is AnswerError {
  return '$metadata' in error && (error as AnswerError).$metadata?.httpStatusCode !== undefined
}

function answerError(error: AnswerError, doing: string, nowMs: number): BastionError {
  const status = error.$metadata.httpStatusCode!
  const headers = error.$response?.headers ?? {}
  if (status < 300 && error.Code === undefined) {
    // Every S3 server numbers its answers. Swift says so of a put that another one has overtaken.
    const isS3 = headers[requestIdHeader] !== undefined
    if (isS3) {
      return new BastionError('target_unreachable', `${doing}: the server does not say that it has stored it.`, {
        hint: 'Somebody else may be writing there.',
        details: { unconfirmed: true },
      })
    }
    return new BastionError('target_rejected', `${doing}: the answer is none that an S3 server gives.`, { hint: 'Check the endpoint.' })
  }
  const s3Code = error.Code ?? ''
  const byStatus = httpStatusError(doing, { status, retryAfter: textOf(headers['retry-after']) }, nowMs)
  const code = codeOfAnswer[s3Code] ?? codeByStatus(status, byStatus.code)
  const said = error.message === 'UnknownError' || error.message === '' ? '' : `, ${sentencePart(error.message)}`
  const hint = hintOf(s3Code, code, textOf(headers['x-amz-bucket-region']))
  return new BastionError(code, `${doing}: ${s3Code === '' ? '' : `${sentencePart(s3Code)}${said}, `}HTTP ${status}.`, {
    ...(hint !== undefined ? { hint } : code === byStatus.code && { hint: byStatus.hint }),
    details: { ...byStatus.details, s3_code: s3Code },
  })
}

function textOf(header: unknown): string | undefined {
  return typeof header === 'string' ? header : undefined
}

function codeByStatus(status: number, code: ErrorCode): ErrorCode {
  if (redirects.includes(status)) return 'target_auth'
  // Only S3 itself can say that an object is absent. A 404 of a proxy, or of a server that is none, says nothing.
  return code === 'target_not_found' ? 'target_rejected' : code
}

function hintOf(s3Code: string, code: ErrorCode, region: string | undefined): string | undefined {
  if (code === 'target_auth' && region !== undefined) return `The bucket is in the region ${sentencePart(region)}: give that one.`
  return hints[s3Code]
}

/** What a server says, as a part of a sentence of ours: one line, not long, without a stop at its end. */
function sentencePart(text: string): string {
  return text
    .slice(0, 200)
    .replace(/[\p{Cc}\p{Cf}\s]+/gu, ' ')
    .replace(/[\s.]+$/, '')
}
