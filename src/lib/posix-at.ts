import { closeSync, constants, openSync } from 'node:fs'
import koffi from 'koffi'
import { type BytePath, fsPath, isAscii } from './byte-path.ts'
import { systemError } from './posix-error.ts'

/** Names relative to an open directory, looked up by the system from there and nowhere else; Node has only whole paths. A name holds no slash. */
export interface DirectoryCalls {
  /** Makes a file that was not there. @returns a handle to write and read by @throws the system's error, EEXIST where there is something */
  create(directoryFd: number, name: BytePath, mode: number): number
  /**
   * Makes a file without a name (open(2), O_TMPFILE) in the filesystem of a directory: gone when it is closed, unless `nameFile` gave it one.
   * @returns `null` where the platform or the filesystem cannot
   * @throws the system's error
   */
  createNameless(directoryFd: number, mode: number): number | null
  /** Gives the file its name. @throws the system's error, EEXIST where there is something */
  nameFile(fd: number, directoryFd: number, name: BytePath): void
  /** Of what was made here: Node warns in its threads of a handle that it did not open. @throws the system's error */
  close(fd: number): void
  /**
   * Renames within a directory unless the new name exists, decided by the filesystem without a race.
   * @returns `false` where the platform or the filesystem cannot
   * @throws the system's error, EEXIST where there is something
   */
  renameNew(directoryFd: number, from: BytePath, to: BytePath): boolean
}

const createFlags = constants.O_RDWR | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW
const libcName = 'libc.so.6'
const closeOnExec = 0o2000000
const noReplace = 1 // RENAME_NOREPLACE
const nameless = 0o20000000 | constants.O_DIRECTORY | constants.O_WRONLY // O_TMPFILE of fcntl.h
const emptyPath = 0x1000 // AT_EMPTY_PATH
const currentDirectory = -100 // AT_FDCWD
const followLink = 0x400 // AT_SYMLINK_FOLLOW
/** How systems and filesystems say that they have no files without names. */
const cannotBeNameless = new Set(['EOPNOTSUPP', 'ENOTSUP', 'EISDIR', 'EINVAL', 'ENOENT', 'ENOSYS'])

/** openat(2), linkat(2) and renameat2(2) of the C library: half the time of the way through `/proc/self/fd`, which is left where it cannot be called. */
export function createDirectoryCalls(): DirectoryCalls {
  return nativeCalls() ?? pathCalls
}

function nativeCalls(): DirectoryCalls | null {
  if (process.platform !== 'linux') return null
  try {
    // Text is passed in a tenth of the time that bytes take, which names that are not ASCII must be.
    const [text, bytes] = [bind<string>('const char *'), bind<Buffer>('const void *')]
    const close: (fd: number) => number = koffi.load(libcName).func('int close(int fd)')
    const bytesOf = (name: BytePath) => Buffer.from(`${name}\0`, 'latin1')
    // By the handle alone is for who may look into every directory; others go through its name in /proc.
    let isByHandle = true
    const link = (fd: number, directoryFd: number, name: BytePath): boolean => {
      const [from, fromPath, flags] = isByHandle ? ([fd, '', emptyPath] as const) : ([currentDirectory, `/proc/self/fd/${fd}`, followLink] as const)
      return isAscii(name)
        ? text.linkat(from, fromPath, directoryFd, name, flags) === 0
        : bytes.linkat(from, bytesOf(fromPath), directoryFd, bytesOf(name), flags) === 0
    }
    return {
      create(directoryFd, name, mode) {
        const flags = createFlags | closeOnExec
        const fd = isAscii(name) ? text.openat(directoryFd, name, flags, mode) : bytes.openat(directoryFd, bytesOf(name), flags, mode)
        if (fd < 0) throw systemError('openat')
        return fd
      },
      createNameless(directoryFd, mode) {
        const fd = text.openat(directoryFd, '.', nameless | closeOnExec, mode)
        if (fd >= 0) return fd
        const error = systemError('openat')
        if (cannotBeNameless.has(error.code ?? '')) return null
        throw error
      },
      nameFile(fd, directoryFd, name) {
        if (link(fd, directoryFd, name)) return
        const error = systemError('linkat')
        if (!isByHandle || (error.code !== 'ENOENT' && error.code !== 'EINVAL' && error.code !== 'EPERM')) throw error
        isByHandle = false
        if (!link(fd, directoryFd, name)) throw systemError('linkat')
      },
      close(fd) {
        if (close(fd) !== 0) throw systemError('close')
      },
      renameNew(directoryFd, from, to) {
        const failed =
          isAscii(from) && isAscii(to)
            ? text.renameat2(directoryFd, from, directoryFd, to, noReplace)
            : bytes.renameat2(directoryFd, bytesOf(from), directoryFd, bytesOf(to), noReplace)
        if (failed === 0) return true
        const error = systemError('renameat2')
        if (error.code === 'EINVAL' || error.code === 'ENOSYS') return false
        throw error
      },
    }
  } catch {
    return null // another C library, or one older than renameat2
  }
}

interface Bound<Name> {
  openat(directory: number, name: Name, flags: number, mode: number): number
  linkat(fromDirectory: number, from: Name, toDirectory: number, to: Name, flags: number): number
  renameat2(fromDirectory: number, from: Name, toDirectory: number, to: Name, flags: number): number
}

function bind<Name>(name: string): Bound<Name> {
  const libc = koffi.load(libcName)
  return {
    openat: libc.func(`int openat(int directory, ${name}name, int flags, unsigned int mode)`),
    linkat: libc.func(`int linkat(int from_directory, ${name}from, int to_directory, ${name}to, int flags)`),
    renameat2: libc.func(`int renameat2(int from_directory, ${name}from, int to_directory, ${name}to, unsigned int flags)`),
  }
}

const pathCalls: DirectoryCalls = {
  create: (directoryFd, name, mode) => openSync(fsPath(`/proc/self/fd/${directoryFd}/${name}`), createFlags, mode),
  createNameless: () => null,
  nameFile: () => {
    throw new Error('no file is made without a name here')
  },
  close: closeSync,
  renameNew: () => false,
}
