import { closeSync, constants, openSync } from 'node:fs'
import koffi from 'koffi'
import { type BytePath, fsPath, isAscii } from './byte-path.ts'
import { systemError } from './posix-error.ts'

/** Names relative to an open directory, looked up by the system from there and nowhere else; Node has only whole paths. A name holds no slash. */
export interface DirectoryCalls {
  /** Makes a file that was not there. @returns a handle to write by @throws the system's error, EEXIST where there is something */
  create(directoryFd: number, name: BytePath, mode: number): number
  /** Of what was made here: Node warns in its threads of a handle that it did not open. @throws the system's error */
  close(fd: number): void
  /**
   * Renames within a directory unless the new name exists, decided by the filesystem without a race.
   * @returns `false` where the platform or the filesystem cannot
   * @throws the system's error, EEXIST where there is something
   */
  renameNew(directoryFd: number, from: BytePath, to: BytePath): boolean
}

const createFlags = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW
const libcName = 'libc.so.6'
const closeOnExec = 0o2000000
const noReplace = 1 // RENAME_NOREPLACE

/** openat(2) and renameat2(2) of the C library: half the time of the way through `/proc/self/fd`, which is left where it cannot be called. */
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
    return {
      create(directoryFd, name, mode) {
        const flags = createFlags | closeOnExec
        const fd = isAscii(name) ? text.openat(directoryFd, name, flags, mode) : bytes.openat(directoryFd, bytesOf(name), flags, mode)
        if (fd < 0) throw systemError('openat')
        return fd
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
  renameat2(fromDirectory: number, from: Name, toDirectory: number, to: Name, flags: number): number
}

function bind<Name>(name: string): Bound<Name> {
  const libc = koffi.load(libcName)
  return {
    openat: libc.func(`int openat(int directory, ${name}name, int flags, unsigned int mode)`),
    renameat2: libc.func(`int renameat2(int from_directory, ${name}from, int to_directory, ${name}to, unsigned int flags)`),
  }
}

const pathCalls: DirectoryCalls = {
  create: (directoryFd, name, mode) => openSync(fsPath(`/proc/self/fd/${directoryFd}/${name}`), createFlags, mode),
  close: closeSync,
  renameNew: () => false,
}
