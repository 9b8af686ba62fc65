import { BastionError, type ErrorCode } from '../../core/errors.ts'

const codeOfFailure: Readonly<Record<string, ErrorCode>> = {
  ECONNREFUSED: 'target_unreachable',
  ECONNRESET: 'target_unreachable',
  ECONNABORTED: 'target_unreachable',
  EPIPE: 'target_unreachable',
  EHOSTUNREACH: 'target_unreachable',
  EHOSTDOWN: 'target_unreachable',
  ENETUNREACH: 'target_unreachable',
  ENETDOWN: 'target_unreachable',
  EADDRNOTAVAIL: 'target_unreachable',
  ENOTFOUND: 'target_unreachable',
  EAI_AGAIN: 'target_unreachable',
  EAI_NODATA: 'target_unreachable',
  ERR_STREAM_PREMATURE_CLOSE: 'target_unreachable',
  UND_ERR_SOCKET: 'target_unreachable',
  UND_ERR_RES_CONTENT_LENGTH_MISMATCH: 'target_unreachable',
  ETIMEDOUT: 'target_timeout',
  ESOCKETTIMEDOUT: 'target_timeout',
  UND_ERR_CONNECT_TIMEOUT: 'target_timeout',
}

// OpenSSL's and Node's names for a certificate that does not prove who the server is.
const distrust = /^(?:CERT_|ERR_TLS_|DEPTH_ZERO_|SELF_SIGNED_|UNABLE_TO_|HOSTNAME_MISMATCH|INVALID_CA|INVALID_PURPOSE|PATH_LENGTH_EXCEEDED)/
// What is spoken there is another protocol, or none that both know.
const misunderstanding = /^(?:EPROTO|ERR_SSL_|HPE_|UND_ERR_HEADERS_OVERFLOW)/

/**
 * What a connection for HTTP that failed means for the target, `details.reason` being the name of the failure; errors that are none of a connection come back as they are.
 * @param doing how the sentence starts
 */
export function connectionError(error: unknown, doing: string): unknown {
  if (error instanceof BastionError || !(error instanceof Error)) return error
  const code = codeOf(error)
  if (code === undefined) return error
  const options = { cause: error, details: { reason: code } }
  if (distrust.test(code)) {
    return new BastionError('target_auth', `${doing}: the server cannot prove who it is (${error.message}, ${code}).`, {
      ...options,
      hint: 'Check the address. If the certificate is signed by a CA of your own, give that CA to the target, or to all of Node in NODE_EXTRA_CA_CERTS.',
    })
  }
  if (misunderstanding.test(code)) {
    return new BastionError('target_rejected', `${doing}: what answers does not speak the protocol of this address (${code}).`, {
      ...options,
      hint: 'Check the port, and whether it is http or https.',
    })
  }
  const meaning = codeOfFailure[code]
  return meaning === undefined ? error : new BastionError(meaning, `${doing}: ${error.message === '' ? code : error.message}.`, options)
}

/** Of the error or of what caused it: undici wraps some, Node those of several addresses, and the SDK of S3 has one without a code. */
function codeOf(error: Error): string | undefined {
  // undici's parser does not always say what it stumbled over.
  if (error.name === 'HTTPParserError') return 'HPE_INVALID'
  if ('code' in error && typeof error.code === 'string') {
    return error.code === 'UND_ERR_SOCKET' && error.cause instanceof Error ? (codeOf(error.cause) ?? error.code) : error.code
  }
  if (error.name === 'TimeoutError') return 'ETIMEDOUT'
  return error.cause instanceof Error ? codeOf(error.cause) : undefined
}
