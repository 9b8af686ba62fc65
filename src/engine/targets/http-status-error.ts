import { STATUS_CODES } from 'node:http'
import { BastionError, type ErrorCode } from '../../core/errors.ts'

const codeOfStatus: Readonly<Record<number, ErrorCode>> = {
  401: 'target_auth',
  403: 'target_permission',
  404: 'target_not_found',
  407: 'target_auth',
  408: 'target_timeout',
  410: 'target_not_found',
  // Locked: somebody else is writing there, and will have done so.
  423: 'target_unreachable',
  425: 'target_unreachable',
  429: 'target_rate_limited',
  // A server that does not know how is not one that is down.
  501: 'target_rejected',
  504: 'target_timeout',
  505: 'target_rejected',
  507: 'target_full',
  509: 'target_rate_limited',
}

const hintOfStatus: Readonly<Record<number, string>> = {
  407: 'A proxy on the way to the target asks for credentials.',
  411: 'The server, or a proxy before it, takes no body of unknown length (chunked transfer encoding). Switch that on.',
  413: 'The server limits the size of a request. Raise its limit (nginx: client_max_body_size), or make the parts smaller.',
}

export interface HttpRefusal {
  status: number
  /** the header, if there was one */
  retryAfter?: string | undefined
}

/**
 * What an HTTP status other than success means for the target. `details` have `status`, and `retry_after_ms` where the server said when to come again.
 * @param doing how the sentence starts: `Cannot store "a/b" in s3://bucket`
 */
export function httpStatusError(doing: string, { status, retryAfter }: HttpRefusal, nowMs: number): BastionError {
  const retryAfterMs = retryAfter === undefined ? undefined : parseRetryAfter(retryAfter, nowMs)
  const reason = STATUS_CODES[status] === undefined ? '' : ` ${STATUS_CODES[status]}`
  const hint = hintOfStatus[status]
  return new BastionError(codeOf(status, retryAfterMs), `${doing}: the server answers ${status}${reason}.`, {
    ...(hint !== undefined && { hint }),
    details: { status, ...(retryAfterMs !== undefined && { retry_after_ms: retryAfterMs }) },
  })
}

function codeOf(status: number, retryAfterMs: number | undefined): ErrorCode {
  if (status === 503 && retryAfterMs !== undefined) return 'target_rate_limited'
  return codeOfStatus[status] ?? (status >= 500 ? 'target_unreachable' : 'target_rejected')
}

/** Seconds or a date (RFC 9110, 10.2.3); milliseconds from now, undefined when it is neither. */
function parseRetryAfter(text: string, nowMs: number): number | undefined {
  if (/^\s*\d+\s*$/.test(text)) return Number(text) * 1000
  const atMs = Date.parse(text)
  return Number.isNaN(atMs) ? undefined : Math.max(0, atMs - nowMs)
}
