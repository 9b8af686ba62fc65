import { BastionError, type ErrorCode } from '../../../core/errors.ts'

/**
 * Answers of a server to a request (draft-ietf-secsh-filexfer). Version 3, which everybody speaks, ends with 8; some servers use the later ones
 * all the same, and we do where a failure could be explained.
 */
export const sftpStatus = {
  noSuchFile: 2,
  permissionDenied: 3,
  failure: 4,
  badMessage: 5,
  noConnection: 6,
  connectionLost: 7,
  unsupported: 8,
  fileAlreadyExists: 11,
  writeProtected: 12,
  noSpace: 14,
  quotaExceeded: 15,
} as const

/** The server said no. */
export class SftpStatusError extends Error {
  readonly status: number

  constructor(status: number, message: string) {
    super(message)
    this.name = 'SftpStatusError'
    this.status = status
  }
}

export function hasStatus(error: unknown, ...statuses: number[]): error is SftpStatusError {
  return error instanceof SftpStatusError && statuses.includes(error.status)
}

const meanings: Readonly<Record<number, { code: ErrorCode; words: string; hint?: string }>> = {
  // Where a missing name is an answer (get, stat, list, remove) it never comes here; elsewhere a folder was taken away under us.
  [sftpStatus.noSuchFile]: { code: 'target_unreachable', words: 'no such file or folder' },
  [sftpStatus.permissionDenied]: { code: 'target_permission', words: 'permission denied' },
  [sftpStatus.failure]: {
    code: 'target_rejected',
    words: 'it failed, and the server does not say why',
    hint: 'Look at the disk of the server: it may be failing, or the account over its quota. The log of the server may know more.',
  },
  [sftpStatus.badMessage]: { code: 'target_rejected', words: 'the server takes no such name or request' },
  [sftpStatus.noConnection]: { code: 'target_unreachable', words: 'the server has no connection' },
  [sftpStatus.connectionLost]: { code: 'target_unreachable', words: 'the server lost its connection' },
  [sftpStatus.unsupported]: { code: 'target_rejected', words: 'the server cannot do that' },
  [sftpStatus.fileAlreadyExists]: { code: 'target_rejected', words: 'it exists' },
  [sftpStatus.writeProtected]: { code: 'target_permission', words: 'the disk of the server is read-only' },
  [sftpStatus.noSpace]: { code: 'target_full', words: 'the disk of the server is full' },
  [sftpStatus.quotaExceeded]: { code: 'target_full', words: 'the quota on the server is used up' },
}

/**
 * What a refused request means for the target; any other error comes back as it is.
 * @param doing how the sentence starts: `Cannot store "a/b" in sftp://host/dir`
 */
export function sftpError(error: unknown, doing: string): unknown {
  if (!(error instanceof SftpStatusError)) return error
  const { status, message } = error
  const { code, words, hint } = meanings[status] ?? { code: 'target_rejected', words: 'the server gives a reason unknown here' }
  return new BastionError(code, `${doing}: ${words} (status ${status}: ${message}).`, { cause: error, details: { status }, ...(hint && { hint }) })
}
