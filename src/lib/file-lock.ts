import { closeSync, constants, fstatSync, openSync, statSync } from 'node:fs'
import koffi from 'koffi'
import { systemError } from './posix-error.ts'

/** An exclusive lock on a file, held until it is closed or the process, and every program that inherited `fd`, has ended. */
export interface FileLock extends Disposable {
  readonly fd: number
}

/** `null` while another process holds the lock. @throws the system's error */
export type TryLock = (file: string) => FileLock | null

const lockExclusive = 2
const lockNonBlocking = 4

/** flock(2), which Node lacks; `null` where the C library cannot be called. The file is made when it is not there. */
export function createFileLocker(): TryLock | null {
  const flock = loadFlock()
  if (flock === null) return null
  return (file) => {
    for (;;) {
      const fd = openSync(file, constants.O_RDWR | constants.O_CREAT | constants.O_NOFOLLOW, 0o600)
      if (flock(fd, lockExclusive | lockNonBlocking) !== 0) {
        const error = systemError('flock')
        closeSync(fd)
        if (error.code === 'EAGAIN' || error.code === 'EWOULDBLOCK') return null
        throw error
      }
      // Whoever held it before may have removed the name meanwhile: then this lock is on a file that nobody will ever find.
      if (statSync(file, { throwIfNoEntry: false })?.ino === fstatSync(fd).ino) return { fd, [Symbol.dispose]: () => closeSync(fd) }
      closeSync(fd)
    }
  }
}

function loadFlock(): ((fd: number, operation: number) => number) | null {
  if (process.platform === 'win32') return null
  try {
    return koffi.load(process.platform === 'darwin' ? 'libc.dylib' : 'libc.so.6').func('int flock(int fd, int operation)')
  } catch {
    return null
  }
}
