import ssh2, { type FileEntryWithStats, type SFTPWrapper, type Stats } from 'ssh2'
import { BastionError } from '../../../core/errors.ts'
import { hasStatus, SftpStatusError, sftpStatus } from './sftp-status.ts'

/** What stands at a path. */
export interface SftpAttributes {
  kind: 'file' | 'directory' | 'link' | 'other'
  sizeBytes: number
  modifiedMs?: number
}
/** `attributes` are absent where the server does not send them with the names. */
export interface SftpEntry {
  name: string
  attributes?: SftpAttributes
}
/** What is given to a file; absent is left as it is. The protocol has both times or none, in seconds. */
export interface NewAttributes {
  uid?: number
  gid?: number
  mode?: number
  atime?: number
  mtime?: number
}
export interface SftpSpace {
  freeBytes: number
  hasFreeInodes: boolean
  isReadOnly: boolean
}

type Answer<T> = (error: Error | null | undefined, value?: T) => void

/**
 * Sends one request and gives its answer. @param sizeBytes how much has to be moved or flushed for it, which gives the server more time
 * @throws SftpStatusError when the server says no; BastionError when there is no answer
 */
export type SendRequest = <T = void>(send: (sftp: SFTPWrapper, answer: Answer<T>) => void, sizeBytes?: number) => Promise<T>

/** The requests of SFTP version 3 and of OpenSSH's extensions that a target needs. A server without an extension answers `unsupported`. */
export type SftpRequests = ReturnType<typeof createSftpRequests>

const { OPEN_MODE } = ssh2.utils.sftp
export const openForReading = OPEN_MODE.READ
export const openNewForWriting = OPEN_MODE.WRITE | OPEN_MODE.CREAT | OPEN_MODE.EXCL

const endOfFile = 1
const readOnlyFlag = 1

export function createSftpRequests(request: SendRequest) {
  /** ssh2 throws at once when the server did not offer the extension. */
  function extension<T = void>(send: (sftp: SFTPWrapper, answer: Answer<T>) => void, sizeBytes?: number): Promise<T> {
    return request<T>((sftp, answer) => {
      try {
        send(sftp, answer)
      } catch (error) {
        answer(new SftpStatusError(sftpStatus.unsupported, (error as Error).message))
      }
    }, sizeBytes)
  }

  async function attributesOrAbsent(asking: Promise<Stats>): Promise<SftpAttributes | undefined> {
    try {
      return requireAttributes(await asking)
    } catch (error) {
      if (hasStatus(error, sftpStatus.noSuchFile)) return undefined
      throw error
    }
  }

  return {
    open: (path: string, flags: number) => request<Buffer>((sftp, answer) => sftp.open(path, flags, { mode: 0o600 }, answer)),
    /** @param writtenBytes some servers store only now what was written */
    close: (handle: Buffer, writtenBytes = 0) => request((sftp, answer) => sftp.close(handle, answer), writtenBytes),
    /** Fills `buffer` from `position`; fewer bytes than it has is no sign of the end, none is. */
    read: (handle: Buffer, buffer: Buffer, position: number) =>
      request<number>((sftp, answer) => sftp.read(handle, buffer, 0, buffer.length, position, answer), buffer.length),
    write: (handle: Buffer, data: Buffer, position: number) =>
      request((sftp, answer) => sftp.write(handle, data, 0, data.length, position, (error) => answer(error)), data.length),
    /** fsync@openssh.com */
    fsync: (handle: Buffer, dirtyBytes = 0) => extension((sftp, answer) => sftp.ext_openssh_fsync(handle, (error) => answer(error)), dirtyBytes),
    fstat: async (handle: Buffer) => requireAttributes(await request<Stats>((sftp, answer) => sftp.fstat(handle, answer))),
    /** `undefined` when absent; a link is not followed */
    lstat: (path: string) => attributesOrAbsent(request<Stats>((sftp, answer) => sftp.lstat(path, answer))),
    /** `undefined` when absent; a link is followed */
    stat: (path: string) => attributesOrAbsent(request<Stats>((sftp, answer) => sftp.stat(path, answer))),
    mkdir: (path: string) => request((sftp, answer) => sftp.mkdir(path, { mode: 0o700 }, answer)),
    rmdir: (path: string) => request((sftp, answer) => sftp.rmdir(path, answer)),
    remove: (path: string) => request((sftp, answer) => sftp.unlink(path, answer)),
    /** By the protocol it replaces nothing; not every server keeps to that. */
    rename: (from: string, to: string) => request((sftp, answer) => sftp.rename(from, to, answer)),
    /** posix-rename@openssh.com: replaces what is there, at once */
    posixRename: (from: string, to: string) => extension((sftp, answer) => sftp.ext_openssh_rename(from, to, answer)),
    /** hardlink@openssh.com: fails when there is something */
    hardlink: (from: string, to: string) => extension((sftp, answer) => sftp.ext_openssh_hardlink(from, to, answer)),
    /** A link at `path` that leads to `to`; not every server takes the two in this order. */
    symlink: (to: string, path: string) => request((sftp, answer) => sftp.symlink(to, path, answer)),
    fsetstat: (handle: Buffer, attributes: NewAttributes) => request((sftp, answer) => sftp.fsetstat(handle, attributes, answer)),
    /** A link is followed. */
    setstat: (path: string, attributes: NewAttributes) => request((sftp, answer) => sftp.setstat(path, attributes, answer)),
    /** lsetstat@openssh.com: a link is not followed */
    lsetstat: (path: string, attributes: NewAttributes) => extension((sftp, answer) => sftp.ext_openssh_lsetstat(path, attributes, answer)),
    opendir: (path: string) => request<Buffer>((sftp, answer) => sftp.opendir(path, answer)),
    /** The next page of a directory without `.` and `..`, `undefined` after the last one. */
    readdir: async (handle: Buffer): Promise<SftpEntry[] | undefined> => {
      try {
        const page = await request<FileEntryWithStats[]>((sftp, answer) => sftp.readdir(handle, answer))
        return page.map(toEntry)
      } catch (error) {
        if (hasStatus(error, endOfFile)) return undefined
        throw error
      }
    },
    /** statvfs@openssh.com */
    statvfs: async (path: string): Promise<SftpSpace> => {
      const found = await extension<Record<'f_frsize' | 'f_bavail' | 'f_files' | 'f_ffree' | 'f_flag', number>>((sftp, answer) =>
        sftp.ext_openssh_statvfs(path, answer),
      )
      return {
        freeBytes: found.f_bavail * found.f_frsize,
        // Filesystems that make inodes as they go say that they have none.
        hasFreeInodes: found.f_files === 0 || found.f_ffree > 0,
        isReadOnly: (found.f_flag & readOnlyFlag) !== 0,
      }
    },
  }
}

function toEntry({ filename, attrs }: FileEntryWithStats): SftpEntry {
  // A server that lies must not lead us out of the directory it lists.
  if (filename === '' || filename.includes('/') || filename.includes('\0')) {
    throw new BastionError('target_rejected', `The server lists ${JSON.stringify(filename)}, which is no name.`)
  }
  const attributes = toAttributes(attrs)
  return { name: filename, ...(attributes && { attributes }) }
}

function toAttributes(stats: Stats): SftpAttributes | undefined {
  // The types promise what the protocol leaves to the server.
  const { mode, size, mtime }: Partial<Stats> = stats
  if (mode === undefined || size === undefined) return undefined
  return { kind: kindOf(stats), sizeBytes: size, ...(mtime !== undefined && { modifiedMs: mtime * 1000 }) }
}

function requireAttributes(stats: Stats): SftpAttributes {
  const attributes = toAttributes(stats)
  // Without them a link cannot be told from a directory, so nothing could be removed or believed.
  if (attributes === undefined) throw new BastionError('target_rejected', 'The server does not tell what kind of file something is, and how large.')
  return attributes
}

function kindOf(stats: Stats): SftpAttributes['kind'] {
  if (stats.isFile()) return 'file'
  if (stats.isDirectory()) return 'directory'
  return stats.isSymbolicLink() ? 'link' : 'other'
}
