import koffi from 'koffi'
import type { BytePath } from './byte-path.ts'
import { systemError } from './posix-error.ts'

/** What the kernel says of the subvolume a file or directory is in. Needs no rights but the open handle. */
export interface BtrfsSubvolume {
  id: bigint
  /** 32 hex; all zeros for the top of a filesystem made long ago */
  uuid: string
  /** of what it is a snapshot; all zeros when it is none */
  parentUuid: string
  /** the transaction that changed it last */
  generation: bigint
  /** the transaction that made it */
  madeInGeneration: bigint
  readOnly: boolean
}

/** A subvolume directly inside another one. */
export interface BtrfsChild {
  id: bigint
  /** below the root of the other one */
  path: BytePath
}

/** Questions to Btrfs that need neither root nor a program. Each throws the system's error: ENOTTY where the handle is not on Btrfs, or the kernel older than 4.18. */
export interface BtrfsIoctl {
  subvolume(fd: number): BtrfsSubvolume
  /** 32 hex */
  filesystemUuid(fd: number): string
  /** @param fd the root of a subvolume. Those that cannot be reached with the rights at hand are left out. */
  children(fd: number): BtrfsChild[]
}

// _IOR and _IOWR of 0x94, as linux/btrfs.h has them: direction and size of the argument, type, number.
const getSubvolInfo = 0x81f8943c
const getSubvolRootref = 0xd000943d
const inoLookupUser = 0xd000943e
const fsInfo = 0x8400941f
const rootSubvolReadOnly = 1n

/** `null` where the C library cannot be called. */
export function createBtrfsIoctl(): BtrfsIoctl | null {
  const ioctl = loadIoctl()
  if (ioctl === null) return null
  const ask = (fd: number, request: number, argument: Buffer) => {
    if (ioctl(fd, request, argument) < 0) throw systemError('ioctl')
    return argument
  }

  /** Name and way of a child, as far as this process may look. */
  function pathOfChild(fd: number, id: bigint, directoryId: bigint): BytePath | null {
    const argument = Buffer.alloc(4096)
    argument.writeBigUInt64LE(directoryId, 0)
    argument.writeBigUInt64LE(id, 8)
    try {
      ask(fd, inoLookupUser, argument)
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException
      if (code === 'EACCES' || code === 'ENOENT' || code === 'ENAMETOOLONG') return null
      throw error
    }
    return textAt(argument, 272, 4096) + textAt(argument, 16, 272)
  }

  return {
    subvolume(fd) {
      const info = ask(fd, getSubvolInfo, Buffer.alloc(504))
      return {
        id: info.readBigUInt64LE(0),
        uuid: info.toString('hex', 296, 312),
        parentUuid: info.toString('hex', 312, 328),
        generation: info.readBigUInt64LE(280),
        madeInGeneration: info.readBigUInt64LE(352),
        readOnly: (info.readBigUInt64LE(288) & rootSubvolReadOnly) !== 0n,
      }
    },
    filesystemUuid: (fd) => ask(fd, fsInfo, Buffer.alloc(1024)).toString('hex', 16, 32),
    children(fd) {
      const found: BtrfsChild[] = []
      const argument = Buffer.alloc(4096)
      for (let more = true; more;) {
        more = false
        try {
          ask(fd, getSubvolRootref, argument)
        } catch (error) {
          // A full answer, and where to go on stands in it.
          if ((error as NodeJS.ErrnoException).code !== 'EOVERFLOW') throw error
          more = true
        }
        for (let i = 0; i < argument.readUInt8(4088); i++) {
          const id = argument.readBigUInt64LE(8 + 16 * i)
          const path = pathOfChild(fd, id, argument.readBigUInt64LE(16 + 16 * i))
          if (path !== null) found.push({ id, path })
        }
      }
      return found
    },
  }
}

function loadIoctl(): ((fd: number, request: number, argument: Buffer) => number) | null {
  // The numbers above are those of machines whose longs have 64 bits and begin with the low byte.
  if (process.platform !== 'linux' || (process.arch !== 'x64' && process.arch !== 'arm64')) return null
  try {
    const ioctl = koffi.load('libc.so.6').func('int ioctl(int fd, unsigned long request, ...)')
    return (fd, request, argument) => ioctl(fd, request, 'void *', argument) as number
  } catch {
    return null
  }
}

function textAt(bytes: Buffer, from: number, to: number): BytePath {
  const text = bytes.toString('latin1', from, to)
  const end = text.indexOf('\0')
  return end < 0 ? text : text.slice(0, end)
}
