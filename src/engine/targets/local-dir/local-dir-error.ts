import { getSystemErrorMessage } from 'node:util'
import { BastionError, type ErrorCode } from '../../../core/errors.ts'

const codeOfErrno: Readonly<Record<string, ErrorCode>> = {
  ENOSPC: 'target_full',
  EDQUOT: 'target_full',
  EACCES: 'target_permission',
  EPERM: 'target_permission',
  EROFS: 'target_permission',
  // What a disk that fails, was pulled out or sits behind a dead network mount answers.
  EIO: 'target_unreachable',
  ENODEV: 'target_unreachable',
  ENXIO: 'target_unreachable',
  ENOMEDIUM: 'target_unreachable',
  EREMOTEIO: 'target_unreachable',
  ESTALE: 'target_unreachable',
  ENOTCONN: 'target_unreachable',
  EHOSTDOWN: 'target_unreachable',
  EHOSTUNREACH: 'target_unreachable',
  ENETUNREACH: 'target_unreachable',
  ESHUTDOWN: 'target_unreachable',
  ETIMEDOUT: 'target_timeout',
  ENAMETOOLONG: 'target_rejected',
  EILSEQ: 'target_rejected',
  EINVAL: 'target_rejected',
  EFBIG: 'target_rejected',
  EEXIST: 'target_rejected',
  ENOTDIR: 'target_rejected',
  EISDIR: 'target_rejected',
  ELOOP: 'target_rejected',
  ENOTEMPTY: 'target_rejected',
  EBUSY: 'target_rejected',
  // Where a missing name is an answer (get, stat, list, remove) it never comes here; elsewhere a folder was taken away under us.
  ENOENT: 'target_unreachable',
}

/** The errno name of a failed call (`ENOENT`), if it is one. */
export function errnoOf(error: unknown): string | undefined {
  if (!(error instanceof Error) || !('code' in error) || !('syscall' in error)) return undefined
  return typeof error.code === 'string' ? error.code : undefined
}

export function hasErrno(error: unknown, ...codes: string[]): boolean {
  const errno = errnoOf(error)
  return errno !== undefined && codes.includes(errno)
}

/**
 * What a failed call means for the target; errors that are none of a file call (ours, the body's, bugs) come back as they are.
 * @param doing how the sentence starts: `Cannot store "a/b" in /backups`
 */
export function localDirError(error: unknown, doing: string): unknown {
  const errno = errnoOf(error)
  if (errno === undefined || error instanceof BastionError) return error
  const code = codeOfErrno[errno]
  if (code === undefined) return error
  const { errno: number } = error as NodeJS.ErrnoException
  const reason = number === undefined ? '' : `${getSystemErrorMessage(number)}, `
  return new BastionError(code, `${doing}: ${reason}${errno}.`, { cause: error, details: { errno } })
}
