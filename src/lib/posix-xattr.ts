import koffi from 'koffi'
import { systemError } from './posix-error.ts'

/** One extended attribute (`xattr(7)`): its whole name, namespace included, and its value. POSIX ACLs are two of them, `system.posix_acl_access` and `…_default`. */
export type Xattr = readonly [name: string, value: Uint8Array]

/** Extended attributes as Linux keeps them. */
export interface Xattrs {
  /**
   * Of an open file, or of what is at a path itself, also when it is a link; in byte order of their names. Filesystems without attributes have none.
   * @throws the system's error
   */
  read(of: number | string | Buffer): Xattr[]
  /** @throws the system's error */
  write(of: number | string | Buffer, xattr: Xattr): void
}

/** XATTR_LIST_MAX and XATTR_SIZE_MAX of linux/limits.h */
const maxBytes = 65_536
/** Attributes come and go while they are listed; so often is enough. */
const maxTries = 5

/** `null` where the C library cannot be called: files are then kept without their attributes, and who asks is told. */
export function createXattrs(): Xattrs | null {
  if (process.platform !== 'linux') return null
  try {
    const libc = koffi.load('libc.so.6')
    const listByHandle: List<number> = libc.func('intptr_t flistxattr(int fd, _Out_ void *list, size_t size)')
    const listByPath: List<Buffer> = libc.func('intptr_t llistxattr(const void *path, _Out_ void *list, size_t size)')
    const getByHandle: Get<number> = libc.func('intptr_t fgetxattr(int fd, const void *name, _Out_ void *value, size_t size)')
    const getByPath: Get<Buffer> = libc.func('intptr_t lgetxattr(const void *path, const void *name, _Out_ void *value, size_t size)')
    const setByHandle: Set<number> = libc.func('int fsetxattr(int fd, const void *name, const void *value, size_t size, int flags)')
    const setByPath: Set<Buffer> = libc.func('int lsetxattr(const void *path, const void *name, const void *value, size_t size, int flags)')
    const names = Buffer.allocUnsafeSlow(maxBytes)
    const value = Buffer.allocUnsafeSlow(maxBytes)
    const { errno } = koffi.os

    function read<Of>(of: Of, list: List<Of>, get: Get<Of>): Xattr[] {
      // Most have none, which is told sooner without a buffer to fill.
      let bytes = Number(list(of, null, 0))
      if (bytes === 0) return []
      if (bytes > 0) bytes = Number(list(of, names, maxBytes))
      if (bytes < 0) {
        if (koffi.errno() === errno['EOPNOTSUPP'] || koffi.errno() === errno['ENOTSUP']) return []
        throw systemError('listxattr')
      }
      const found: Xattr[] = []
      for (let at = 0; at < bytes;) {
        const end = names.indexOf(0, at)
        const size = Number(get(of, names.subarray(at, end + 1), value, maxBytes))
        if (size >= 0) found.push([names.toString('utf8', at, end), new Uint8Array(value.subarray(0, size))])
        else if (koffi.errno() !== errno['ENODATA']) throw systemError('getxattr') // ENODATA: it went meanwhile
        at = end + 1
      }
      return found.sort(([a], [b]) => (a < b ? -1 : 1))
    }

    function readAgain<Of>(of: Of, list: List<Of>, get: Get<Of>): Xattr[] {
      for (let tries = 1; ; tries++) {
        try {
          return read(of, list, get)
        } catch (error) {
          if ((error as NodeJS.ErrnoException).code !== 'ERANGE' || tries === maxTries) throw error
        }
      }
    }

    return {
      read: (of) => (typeof of === 'number' ? readAgain(of, listByHandle, getByHandle) : readAgain(terminated(of), listByPath, getByPath)),
      write(of, [name, bytes]) {
        const key = terminated(name)
        const done = typeof of === 'number' ? setByHandle(of, key, bytes, bytes.length, 0) : setByPath(terminated(of), key, bytes, bytes.length, 0)
        if (done !== 0) throw systemError('setxattr')
      },
    }
  } catch {
    return null // another C library
  }
}

type List<Of> = (of: Of, list: Buffer | null, size: number) => number | bigint
type Get<Of> = (of: Of, name: Buffer, value: Buffer, size: number) => number | bigint
type Set<Of> = (of: Of, name: Buffer, value: Uint8Array, size: number, flags: number) => number

function terminated(text: string | Buffer): Buffer {
  return Buffer.concat([typeof text === 'string' ? Buffer.from(text) : text, Buffer.of(0)])
}
