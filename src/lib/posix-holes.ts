import koffi from 'koffi'
import { systemError } from './posix-error.ts'

/** Where a file has data: `[offset, length]` in bytes, ascending. Between them are holes. */
export type DataSegments = Array<[offset: number, length: number]>

/** Looks for holes with `lseek(2)`: without reading a byte. */
export interface HoleFinder {
  /**
   * `null` for a file without a hole, or on a filesystem that does not tell.
   * @param maxSegments with more, the smallest holes count as data
   * @throws the system's error
   */
  find(fd: number, sizeBytes: number, maxSegments: number): DataSegments | null
}

const seekData = 3
const seekHole = 4

/** `null` where the C library cannot be called: holes are then stored as the zeros they read as. */
export function createHoleFinder(): HoleFinder | null {
  if (process.platform !== 'linux') return null
  try {
    const lseek: (fd: number, offset: number, whence: number) => number | bigint = koffi
      .load('libc.so.6')
      .func('int64_t lseek(int fd, int64_t offset, int whence)')
    const { errno } = koffi.os

    /** The next offset of that kind; `sizeBytes` when there is none, `null` when the filesystem does not tell. */
    function seek(fd: number, offset: number, whence: number, sizeBytes: number): number | null {
      const found = Number(lseek(fd, offset, whence))
      if (found >= 0) return Math.min(found, sizeBytes)
      if (koffi.errno() === errno['ENXIO']) return sizeBytes
      if (koffi.errno() === errno['EINVAL']) return null
      throw systemError('lseek')
    }

    return {
      find(fd, sizeBytes, maxSegments) {
        let segments: DataSegments = []
        let leastHole = 1
        for (let at = 0; at < sizeBytes;) {
          const start = seek(fd, at, seekData, sizeBytes)
          if (start === null) return null
          if (start >= sizeBytes) break
          const end = seek(fd, start, seekHole, sizeBytes)
          if (end === null || end <= start) return null
          const last = segments.at(-1)
          if (last !== undefined && start - (last[0] + last[1]) < leastHole) last[1] = end - last[0]
          else segments.push([start, end - start])
          for (; segments.length > 2 * maxSegments; leastHole *= 2) segments = withoutHolesBelow(2 * leastHole, segments)
          at = end
        }
        for (; segments.length > maxSegments; leastHole *= 2) segments = withoutHolesBelow(2 * leastHole, segments)
        return segments.length === 1 && segments[0]![0] === 0 && segments[0]![1] === sizeBytes ? null : segments
      },
    }
  } catch {
    return null // another C library
  }
}

function withoutHolesBelow(bytes: number, segments: DataSegments): DataSegments {
  const merged: DataSegments = []
  for (const [start, length] of segments) {
    const last = merged.at(-1)
    if (last !== undefined && start - (last[0] + last[1]) < bytes) last[1] = start + length - last[0]
    else merged.push([start, length])
  }
  return merged
}
