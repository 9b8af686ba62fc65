import { createHash, generateKeyPairSync } from 'node:crypto'
import { once } from 'node:events'
import {
  chmodSync,
  chownSync,
  closeSync,
  constants,
  fstatSync,
  linkSync,
  lstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  readSync,
  rmdirSync,
  statSync,
  symlinkSync,
  unlinkSync,
  utimesSync,
  writeSync,
  type Stats,
} from 'node:fs'
import type { AddressInfo } from 'node:net'
import path from 'node:path'
import ssh2, { type AuthContext, type Connection, type SFTPWrapper } from 'ssh2'

const { STATUS_CODE, OPEN_MODE } = ssh2.utils.sftp
const namesInPage = 50

export type SftpRequestName =
  | 'OPEN'
  | 'READ'
  | 'WRITE'
  | 'CLOSE'
  | 'FSTAT'
  | 'LSTAT'
  | 'STAT'
  | 'OPENDIR'
  | 'READDIR'
  | 'RENAME'
  | 'REMOVE'
  | 'RMDIR'
  | 'MKDIR'
  | 'SYMLINK'
  | 'SETSTAT'
  | 'FSETSTAT'

export interface PlainSftpServer extends AsyncDisposable {
  readonly port: number
  readonly username: string
  readonly password: string
  readonly fingerprint: string
  /** Every request there was, in order. */
  readonly requests: SftpRequestName[]
}

export interface PlainSftpOptions {
  /** how it asks for the password @default password */
  asks?: 'password' | 'keyboard-interactive'
  /** Requests it takes and never answers. */
  ignores?: ReadonlySet<SftpRequestName>
  /** Its listings are names only. */
  namesOnly?: boolean
  /** It takes the names of a link in the other order, as some servers do that go by OpenSSH's and not by the protocol. */
  linksReversed?: boolean
  /** Owners cannot be changed, as by an account that is not root. */
  keepsOwners?: boolean
}

/** An SFTP server of nothing but version 3 of the protocol: no extension, small requests, paths as the operating system takes them. */
export async function startPlainSftp(options: PlainSftpOptions = {}): Promise<PlainSftpServer> {
  // Not by ssh2 itself: of 256 keys it makes, one cannot be read.
  const { privateKey: key } = generateKeyPairSync('ec', {
    namedCurve: 'prime256v1',
    publicKeyEncoding: { type: 'spki', format: 'pem' },
    privateKeyEncoding: { type: 'sec1', format: 'pem' },
  })
  const connections = new Set<Connection>()
  const requests: SftpRequestName[] = []
  const account = { username: 'somebody', password: 'correct horse' }
  const server = new ssh2.Server({ hostKeys: [key] }, (client) => {
    connections.add(client)
    ;(client as Connection & { setNoDelay(on: boolean): void }).setNoDelay(true) // not in the types
    client.on('close', () => connections.delete(client))
    client.on('error', () => {}) // of a client that went away
    client.on('authentication', (asked) => authenticate(asked, account, options.asks ?? 'password'))
    client.on('session', (accept) => accept().on('sftp', (start) => serve(start(), requests, options)))
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    ...account,
    port: (server.address() as AddressInfo).port,
    fingerprint: fingerprintOf(key),
    requests,
    async [Symbol.asyncDispose]() {
      server.close()
      for (const connection of connections) connection.end()
      await once(server, 'close')
    },
  }
}

function fingerprintOf(key: string): string {
  const parsed = [ssh2.utils.parseKey(key)].flat()[0]!
  if (parsed instanceof Error) throw parsed
  return `SHA256:${createHash('sha256').update(parsed.getPublicSSH()).digest('base64').replace('=', '')}`
}

function authenticate(asked: AuthContext, account: { username: string; password: string }, method: 'password' | 'keyboard-interactive'): void {
  const isRight = (password: string | undefined): boolean => asked.username === account.username && password === account.password
  if (asked.method !== method) return asked.reject([method])
  if (asked.method === 'password') return isRight(asked.password) ? asked.accept() : asked.reject([method])
  if (asked.method !== 'keyboard-interactive') return
  asked.prompt([{ prompt: 'Password: ', echo: false }], ([answer]) => (isRight(answer) ? asked.accept() : asked.reject([method])))
}

/** Calls the operating system in the middle of everything: this serves tests, not people. */
function serve(sftp: SFTPWrapper, requests: SftpRequestName[], { ignores, namesOnly = false, linksReversed, keepsOwners }: PlainSftpOptions): void {
  const files = new Map<string, number>()
  const listings = new Map<string, { directory: string; names: string[] }>()
  let lastHandle = 0

  function on(name: SftpRequestName, work: (id: number, ...args: never[]) => void): void {
    sftp.on(name, (id: number, ...args: never[]) => {
      requests.push(name)
      if (ignores?.has(name) === true) return
      try {
        work(id, ...args)
      } catch (error) {
        sftp.status(id, statusOf(error), (error as Error).message)
      }
    })
  }

  function ok(id: number, _done: void): void {
    sftp.status(id, STATUS_CODE.OK)
  }

  function newHandle(): Buffer {
    return Buffer.from(String(++lastHandle))
  }

  on('OPEN', (id, file: string, flags: number, attributes: { mode?: number }) => {
    const handle = newHandle()
    files.set(String(handle), openSync(file, openFlags(flags), attributes.mode ?? 0o666))
    sftp.handle(id, handle)
  })
  on('READ', (id, handle: Buffer, offset: number, length: number) => {
    const buffer = Buffer.alloc(length)
    const count = readSync(files.get(String(handle))!, buffer, 0, length, offset)
    if (count === 0) sftp.status(id, STATUS_CODE.EOF)
    else sftp.data(id, buffer.subarray(0, count))
  })
  on('WRITE', (id, handle: Buffer, offset: number, data: Buffer) => {
    const written = writeSync(files.get(String(handle))!, data, 0, data.length, offset)
    sftp.status(id, written === data.length ? STATUS_CODE.OK : STATUS_CODE.FAILURE)
  })
  on('CLOSE', (id, handle: Buffer) => {
    if (!listings.delete(String(handle))) closeSync(files.get(String(handle))!)
    files.delete(String(handle))
    sftp.status(id, STATUS_CODE.OK)
  })
  on('FSTAT', (id, handle: Buffer) => sftp.attrs(id, attributesOf(fstatSync(files.get(String(handle))!))))
  on('LSTAT', (id, file: string) => sftp.attrs(id, attributesOf(lstatSync(file))))
  on('STAT', (id, file: string) => sftp.attrs(id, attributesOf(statSync(file))))
  on('MKDIR', (id, file: string, attributes: { mode?: number }) => ok(id, mkdirSync(file, attributes.mode)))
  on('RMDIR', (id, file: string) => ok(id, rmdirSync(file)))
  on('REMOVE', (id, file: string) => ok(id, unlinkSync(file)))
  on('RENAME', (id, from: string, to: string) => {
    linkSync(from, to)
    ok(id, unlinkSync(from))
  })
  on('SYMLINK', (id, link: string, to: string) => ok(id, linksReversed === true ? symlinkSync(link, to) : symlinkSync(to, link)))
  function setAttributes(id: number, file: string, { mode, uid, gid, atime, mtime }: NewStats): void {
    if (uid !== undefined && keepsOwners === true) return sftp.status(id, STATUS_CODE.PERMISSION_DENIED)
    if (uid !== undefined && gid !== undefined) chownSync(file, uid, gid)
    if (mode !== undefined) chmodSync(file, mode & 0o7777)
    if (atime !== undefined && mtime !== undefined) utimesSync(file, atime, mtime)
    sftp.status(id, STATUS_CODE.OK)
  }

  on('SETSTAT', setAttributes)
  on('FSETSTAT', (id, handle: Buffer, attributes: NewStats) => setAttributes(id, `/proc/self/fd/${files.get(String(handle))!}`, attributes))
  on('OPENDIR', (id, directory: string) => {
    const handle = newHandle()
    listings.set(String(handle), { directory, names: ['.', '..', ...readdirSync(directory)] })
    sftp.handle(id, handle)
  })
  on('READDIR', (id, handle: Buffer) => {
    const { directory, names } = listings.get(String(handle))!
    const page = names.splice(0, namesInPage)
    if (page.length === 0) return sftp.status(id, STATUS_CODE.EOF)
    const entries = page.map((filename) => ({
      filename,
      longname: filename,
      attrs: namesOnly ? {} : attributesOf(lstatSync(path.join(directory, filename))),
    }))
    sftp.name(id, entries as Parameters<typeof sftp.name>[1])
  })
}

type NewStats = Partial<Stats> & { atime?: number; mtime?: number }

function attributesOf({ mode, uid, gid, size, atimeMs, mtimeMs }: Stats) {
  return { mode, uid, gid, size, atime: Math.floor(atimeMs / 1000), mtime: Math.floor(mtimeMs / 1000) }
}

function openFlags(flags: number): number {
  const access = (flags & OPEN_MODE.WRITE) === 0 ? constants.O_RDONLY : constants.O_WRONLY
  const make = (flags & OPEN_MODE.CREAT) === 0 ? 0 : constants.O_CREAT
  return access | make | ((flags & OPEN_MODE.EXCL) === 0 ? 0 : constants.O_EXCL)
}

function statusOf(error: unknown): number {
  const { code } = error as NodeJS.ErrnoException
  if (code === 'ENOENT' || code === 'ENOTDIR') return STATUS_CODE.NO_SUCH_FILE
  return code === 'EACCES' || code === 'EPERM' ? STATUS_CODE.PERMISSION_DENIED : STATUS_CODE.FAILURE
}
