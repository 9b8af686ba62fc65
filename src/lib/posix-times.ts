import { futimesSync, lutimesSync } from 'node:fs'
import koffi from 'koffi'
import { systemError } from './posix-error.ts'

/** Sets modification times to the nanosecond (`utimensat(2)`), which Node's own `utimes` cannot: it stops at microseconds. */
export interface TimeSetter {
  /** true: nanoseconds are kept */
  readonly exact: boolean
  setByHandle(fd: number, mtimeNs: bigint): void
  /** of a link itself, never of what it points to */
  setByPath(path: string | Buffer, mtimeNs: bigint): void
}

const atFdCwd = -100
const atSymlinkNofollow = 0x100
/** leaves the access time as it is (linux/stat.h) */
const utimeOmit = (1n << 30n) - 2n
const secondNs = 1_000_000_000n

/** @returns a setter over the C library where it can be called, else over Node */
export function createTimeSetter(): TimeSetter {
  return nativeSetter() ?? nodeSetter
}

function nativeSetter(): TimeSetter | null {
  if (process.platform !== 'linux') return null
  try {
    const libc = koffi.load('libc.so.6')
    const futimens = libc.func('int futimens(int fd, const void *times)')
    const utimensat = libc.func('int utimensat(int dirfd, const void *path, const void *times, int flags)')
    const times = new BigInt64Array([0n, utimeOmit, 0n, 0n])
    const set = (mtimeNs: bigint) => {
      const nanos = ((mtimeNs % secondNs) + secondNs) % secondNs
      times[2] = (mtimeNs - nanos) / secondNs
      times[3] = nanos
    }
    return {
      exact: true,
      setByHandle(fd, mtimeNs) {
        set(mtimeNs)
        if (futimens(fd, times) !== 0) throw systemError('futimens')
      },
      setByPath(path, mtimeNs) {
        set(mtimeNs)
        const name = Buffer.concat([typeof path === 'string' ? Buffer.from(path) : path, Buffer.of(0)])
        if (utimensat(atFdCwd, name, times, atSymlinkNofollow) !== 0) throw systemError('utimensat')
      },
    }
  } catch {
    return null // another C library: times are set to the microsecond, and `exact` says so
  }
}

const nodeSetter: TimeSetter = {
  exact: false,
  setByHandle(fd, mtimeNs) {
    const seconds = Number(mtimeNs / 1000n) / 1e6
    futimesSync(fd, seconds, seconds)
  },
  setByPath(path, mtimeNs) {
    const seconds = Number(mtimeNs / 1000n) / 1e6
    lutimesSync(path, seconds, seconds)
  },
}
