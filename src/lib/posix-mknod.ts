import koffi from 'koffi'
import { systemError } from './posix-error.ts'

/**
 * Makes a FIFO or a device (`mknod(2)`), which Node cannot; `null` where the C library cannot be called.
 * @param mode type and permission bits · `device` major and minor, 0 for a FIFO
 */
export function createNodeMaker(): ((path: string | Buffer, mode: number, device: readonly [major: number, minor: number]) => void) | null {
  if (process.platform !== 'linux') return null
  try {
    const mknod = koffi.load('libc.so.6').func('int mknod(const void *path, uint32_t mode, uint64_t dev)')
    return (path, mode, [major, minor]) => {
      const name = Buffer.concat([typeof path === 'string' ? Buffer.from(path) : path, Buffer.of(0)])
      const [high, low] = [BigInt(major), BigInt(minor)]
      // makedev(3)
      const packed = ((high & 0xfffff000n) << 32n) | ((high & 0xfffn) << 8n) | ((low & 0xffffff00n) << 12n) | (low & 0xffn)
      if (mknod(name, mode, packed) !== 0) throw systemError('mknod')
    }
  } catch {
    return null
  }
}
