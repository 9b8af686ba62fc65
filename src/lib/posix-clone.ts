import koffi from 'koffi'
import { systemError } from './posix-error.ts'

/** FICLONE of linux/fs.h: `_IOW(0x94, 9, int)` */
const ficlone = 0x40049409

/** How filesystems say that these two files cannot share their blocks. */
const cannot = new Set(['EXDEV', 'EOPNOTSUPP', 'ENOTSUP', 'ENOTTY', 'EINVAL', 'ENOSYS', 'EPERM', 'EBADF', 'EISDIR', 'ETXTBSY'])

/**
 * Makes one open file a copy of another that shares its blocks (ioctl_ficlone(2)): of one moment, and without a byte being read. `null` where the C library cannot be called.
 * @returns for each pair whether it was done; else nothing has happened
 * @throws what failed for another reason, such as ENOSPC
 */
export function createFileCloner(): ((from: number, to: number) => boolean) | null {
  if (process.platform !== 'linux') return null
  try {
    const ioctl = koffi.load('libc.so.6').func('int ioctl(int fd, unsigned long request, ...)')
    return (from, to) => {
      if (ioctl(to, ficlone, 'int', from) === 0) return true
      const error = systemError('ioctl_ficlone')
      if (cannot.has(error.code ?? '')) return false
      throw error
    }
  } catch {
    return null // another C library: files are read and written
  }
}
