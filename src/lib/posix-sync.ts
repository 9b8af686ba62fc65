import { constants } from 'node:fs'
import { access, open } from 'node:fs/promises'
import { getSystemErrorName } from 'node:util'

/**
 * Makes the entries of a directory (names created, renamed, removed) durable: fsync(2) on the directory itself.
 * @throws the error of `node:fs`; EINVAL where the filesystem cannot
 */
export async function syncDirectory(path: string): Promise<void> {
  await using handle = await open(path, constants.O_RDONLY | constants.O_DIRECTORY)
  await handle.sync()
}

/** How a filesystem was made durable; `unavailable` when this platform has neither way. */
export type FilesystemSyncMethod = 'syncfs' | 'sync_command' | 'unavailable'

/**
 * Makes everything written so far to the filesystem that holds `directory` durable.
 * @param heldFd an open handle on that filesystem: then what the disk lost since it was opened is told, even if somebody else was told before
 * @throws an error with an errno `code`, such as EIO when the disk lost something since the last call
 */
export type FilesystemSync = (directory: string, heldFd?: number) => Promise<FilesystemSyncMethod>

type Syncfs = (fd: number) => Promise<void>

/**
 * syncfs(2) where the C library has it (Node does not offer it), else `sync -f`.
 * @param options.native `false` leaves syncfs(2) out
 */
export function createFilesystemSync(options: { native?: boolean } = {}): FilesystemSync {
  let loading: Promise<Syncfs | undefined> | undefined
  return async (directory, heldFd) => {
    loading ??= options.native === false ? Promise.resolve(undefined) : loadSyncfs()
    const syncfs = await loading
    if (syncfs === undefined) return (await runSyncCommand(directory)) ? 'sync_command' : 'unavailable'
    if (heldFd !== undefined) {
      await syncfs(heldFd)
      return 'syncfs'
    }
    await using handle = await open(directory, constants.O_RDONLY | constants.O_DIRECTORY)
    await syncfs(handle.fd)
    return 'syncfs'
  }
}

async function loadSyncfs(): Promise<Syncfs | undefined> {
  if (process.platform !== 'linux') return undefined
  try {
    const { default: koffi } = await import('koffi')
    const syncfs = koffi.load(null).func('int syncfs(int fd)')
    // In a thread of koffi's own: it may take as long as the disk needs for everything it was given.
    return (fd) =>
      new Promise((resolve, reject) => {
        syncfs.async(fd, (error: Error | null, result: number) => {
          if (error !== null) reject(error)
          else if (result === 0) resolve()
          else reject(errnoError(koffi.errno(), 'syncfs'))
        })
      })
  } catch {
    // No prebuilt koffi for this machine, or a C library without syncfs: the command does the same, only slower.
    return undefined
  }
}

function errnoError(errno: number, syscall: string): NodeJS.ErrnoException {
  const code = errno === 0 ? 'EIO' : getSystemErrorName(-errno)
  return Object.assign(new Error(`${code}: ${syscall}`), { errno: -errno, code, syscall })
}

/** Whether there is a `sync` command; one that fails throws EIO, for `sync -f` has no other reason on a directory that opens. */
async function runSyncCommand(directory: string): Promise<boolean> {
  const command = await firstExecutable(['/usr/bin/sync', '/bin/sync'])
  if (command === undefined) return false
  await (await open(directory, constants.O_RDONLY | constants.O_DIRECTORY)).close()
  const { execFile } = await import('node:child_process')
  await new Promise<void>((resolve, reject) => {
    execFile(command, ['-f', '--', directory], { env: { LC_ALL: 'C' }, maxBuffer: 64 * 1024 }, (error) => {
      if (error === null) resolve()
      else reject(Object.assign(new Error(`EIO: ${command} -f failed`, { cause: error }), { code: 'EIO', syscall: 'syncfs' }))
    })
  })
  return true
}

async function firstExecutable(candidates: readonly string[]): Promise<string | undefined> {
  for (const candidate of candidates) {
    try {
      await access(candidate, constants.X_OK)
      return candidate
    } catch {
      // the next one
    }
  }
  return undefined
}
