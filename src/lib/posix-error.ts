import { getSystemErrorMessage, getSystemErrorName } from 'node:util'
import koffi from 'koffi'

/** The error of the call of the C library that has just failed, as `fs` would throw it. */
export function systemError(call: string): NodeJS.ErrnoException {
  const errno = -koffi.errno()
  const code = getSystemErrorName(errno)
  return Object.assign(new Error(`${code}: ${getSystemErrorMessage(errno)}, ${call}`), { code, errno, syscall: call })
}
