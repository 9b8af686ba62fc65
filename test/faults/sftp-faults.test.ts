import { execFile } from 'node:child_process'
import { mkdir, readdir, readFile } from 'node:fs/promises'
import path from 'node:path'
import { promisify } from 'node:util'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { createRetryingTarget } from '../../src/engine/targets/retrying-target.ts'
import type { Target } from '../../src/engine/targets/target.ts'
import { endProcess, startOpenssh, whyNoOpenssh, type OpensshServer } from '../support/servers/openssh-server.ts'
import { sftpTarget } from '../support/servers/sftp-target.ts'
import { startTcpProxy, type TcpProxy } from '../support/servers/tcp-proxy.ts'
import { seededRandom } from '../support/seed.ts'
import { temporaryFolder } from '../support/temporary-folder.ts'
import { mountTmpfs, whyNoTmpfs } from '../support/tmpfs.ts'

const exec = promisify(execFile)
const mebibyte = 1024 * 1024

/** Bytes that tell where they belong. */
function bytesOf(length: number): Buffer {
  const bytes = Buffer.alloc(length)
  for (let i = 0; i + 4 <= length; i += 4) bytes.writeUInt32LE(i, i)
  return bytes
}

async function* piecesOf(bytes: Buffer, onPiece: (sent: number) => Promise<void> | void = () => {}): AsyncGenerator<Uint8Array> {
  for (let sent = 0; sent < bytes.length; sent += mebibyte) {
    await onPiece(sent)
    yield bytes.subarray(sent, sent + mebibyte)
  }
}

async function collect(pieces: AsyncIterable<Uint8Array>, onPiece: (got: number) => Promise<void> | void = () => {}): Promise<Buffer> {
  const collected: Uint8Array[] = []
  let got = 0
  for await (const piece of pieces) {
    collected.push(piece)
    await onPiece((got += piece.length))
  }
  return Buffer.concat(collected)
}

function retrying(inner: Target): Target {
  const policy = { attempts: 5, firstDelayMs: 1, maxDelayMs: 1, giveUpAfterMs: 60_000 }
  return createRetryingTarget(inner, { policy, clock: { now: () => 0 }, sleep: async () => {}, random: seededRandom(1) })
}

const lost = { code: 'target_unreachable', retryable: true }

const whyNot = whyNoOpenssh()
describe.skipIf(whyNot !== undefined)(`SFTP on OpenSSH${whyNot === undefined ? '' : ` (${whyNot})`}`, () => {
  let server: OpensshServer
  let proxy: TcpProxy
  beforeAll(async () => {
    server = await startOpenssh()
  })
  afterAll(() => server[Symbol.asyncDispose]())

  let folder: Awaited<ReturnType<typeof temporaryFolder>>
  let run: string
  let target: Target
  beforeEach(async () => {
    proxy = await startTcpProxy(server.port)
    folder = await temporaryFolder(server.folder)
    run = path.join(folder.path, 'job/run')
    target = sftpTarget({ ...server, port: proxy.port }, { path: folder.path })
  })
  afterEach(async () => {
    await target.close()
    await proxy[Symbol.asyncDispose]()
    await folder[Symbol.asyncDispose]()
  })

  const breaks: [string, () => Promise<void> | void][] = [
    ['the network goes away', () => proxy.cut()],
    ['the session is killed', async () => (await server.sessions()).forEach(endProcess)],
    ['its SFTP server is killed while the connection stays', async () => endProcess((await server.sessions()).at(-1)!)],
  ]

  describe.each(breaks)('%s', (_, breakIt) => {
    test('in the middle of a put: it fails, the old object is there, and the next request finds nothing half', async () => {
      await target.put('job/run/part', Buffer.from('old'))
      const body = piecesOf(bytesOf(20 * mebibyte), (sent) => (sent === 8 * mebibyte ? breakIt() : undefined))
      await expect(target.put('job/run/part', body)).rejects.toMatchObject(lost)
      expect(await readFile(path.join(run, 'part'), 'utf8')).toBe('old')
      await target.put('job/run/part2', Buffer.from('new'))
      expect((await readdir(run)).toSorted()).toEqual(['part', 'part2'])
    })

    test('in the middle of a get: it fails, and through the retrying wrapper goes on from where it was', async () => {
      const bytes = bytesOf(20 * mebibyte)
      await target.put('job/run/part', bytes)
      const breakOnce = (): ((got: number) => Promise<void> | void) => {
        let broken = false
        return (got) => {
          if (broken || got < 2 * mebibyte) return
          broken = true
          return breakIt()
        }
      }
      await expect(collect(await target.get('job/run/part'), breakOnce())).rejects.toMatchObject(lost)
      expect((await collect(await retrying(target).get('job/run/part'), breakOnce())).equals(bytes)).toBe(true)
    })

    test('between two requests: the next one but one succeeds at the latest', async () => {
      await target.put('job/run/part', Buffer.from('x'))
      await breakIt()
      expect(await retrying(target).stat('job/run/part')).toMatchObject({ sizeBytes: 1 })
    })
  })

  test('a put of bytes that is cut off anywhere is whole in the end, and nothing else is left', async () => {
    const bytes = bytesOf(3 * mebibyte)
    const patient = retrying(target)
    const random = seededRandom(2)
    const names: string[] = []
    for (let i = 0; i < 12; i++) {
      const name = `part${i}`
      names.push(name)
      proxy.cutAfterBytes(Math.floor(random() * 3.2 * mebibyte) + 1)
      await patient.put(`job/run/${name}`, bytes, { ifAbsent: i % 2 === 0 })
      expect((await readFile(path.join(run, name))).equals(bytes), name).toBe(true)
    }
    await target.stat('job/run/part0')
    expect((await readdir(run)).toSorted()).toEqual(names.toSorted())
  })

  test('a network that falls silent is noticed, by puts, gets and listings', async () => {
    const impatient = sftpTarget({ ...server, port: proxy.port }, { path: folder.path, timeoutMs: 1_500 })
    const late = { code: 'target_timeout', retryable: true }
    await impatient.put('job/run/part', bytesOf(20 * mebibyte))
    const freezeAt = (bytes: number) => (reached: number) => (reached >= bytes ? proxy.freeze() : undefined)
    await expect(impatient.put('job/run/new', piecesOf(bytesOf(20 * mebibyte), freezeAt(4 * mebibyte)))).rejects.toMatchObject(late)
    await expect(collect(await impatient.get('job/run/part'), freezeAt(2 * mebibyte))).rejects.toMatchObject(late)
    await impatient.stat('job/run/part')
    proxy.freeze()
    await expect(collect(impatient.list('job') as never)).rejects.toMatchObject(late)
    await impatient.close()
  })

  test('a body that comes slowly is no silent server', async () => {
    const impatient = sftpTarget({ ...server, port: proxy.port }, { path: folder.path, timeoutMs: 1_500 })
    const body = piecesOf(bytesOf(2 * mebibyte), () => new Promise((resolve) => setTimeout(resolve, 2_000)))
    await impatient.put('job/run/part', body)
    expect((await impatient.stat('job/run/part'))?.sizeBytes).toBe(2 * mebibyte)
    await impatient.close()
  })

  test('an abort while the network is silent is not held up by it', async () => {
    const aborting = new AbortController()
    const body = piecesOf(bytesOf(20 * mebibyte), (sent) => {
      if (sent < 4 * mebibyte) return
      proxy.freeze()
      aborting.abort()
    })
    await expect(target.put('job/run/part', body, { signal: aborting.signal })).rejects.toMatchObject({ code: 'canceled' })
  })

  test('a full disk is told as such, keeps what was stored, leaves nothing half, and takes more once there is room', async ({ skip }) => {
    const reason = await whyNoTmpfs()
    if (reason !== undefined) skip(reason)
    await using disk = await mountTmpfs(path.join(folder.path, 'disk'), 8 * mebibyte)
    const onDisk = sftpTarget(server, { path: path.join(disk.path, 'backups') })
    await onDisk.put('job/run/part1', bytesOf(4 * mebibyte))
    const full = { code: 'target_full', retryable: false }
    await expect(onDisk.put('job/run/part2', piecesOf(bytesOf(6 * mebibyte)))).rejects.toMatchObject(full)
    await expect(onDisk.put('job/run/part1', bytesOf(6 * mebibyte))).rejects.toMatchObject(full)
    expect(await readdir(path.join(disk.path, 'backups/job/run'))).toEqual(['part1'])
    expect((await collect(await onDisk.get('job/run/part1'))).equals(bytesOf(4 * mebibyte))).toBe(true)
    await onDisk.remove('job/run/part1')
    await onDisk.put('job/run/part2', bytesOf(6 * mebibyte))
    await onDisk.close()
  })

  test('a disk without room for another file is full, too', async ({ skip }) => {
    const reason = await whyNoTmpfs()
    if (reason !== undefined) skip(reason)
    await using disk = await mountTmpfs(path.join(folder.path, 'disk'), 8 * mebibyte)
    await exec('mount', ['-o', 'remount,nr_inodes=6', disk.path])
    const onDisk = sftpTarget(server, { path: disk.path })
    const puts = Array.from({ length: 8 }, (_, i) => () => onDisk.put(`job/run/object${i}`, Buffer.from('x')))
    await expect(puts.reduce<Promise<unknown>>((before, put) => before.then(put), Promise.resolve())).rejects.toMatchObject({ code: 'target_full' })
    await onDisk.close()
  })

  test('a disk that is mounted read-only is a matter of permission, and can still be read', async ({ skip }) => {
    const reason = await whyNoTmpfs()
    if (reason !== undefined) skip(reason)
    await using disk = await mountTmpfs(path.join(folder.path, 'disk'), 4 * mebibyte)
    const onDisk = sftpTarget(server, { path: disk.path })
    await onDisk.put('job/run/object', Buffer.from('x'))
    await exec('mount', ['-o', 'remount,ro', disk.path])
    const denied = { code: 'target_permission', message: expect.stringContaining('read-only') }
    await expect(onDisk.put('job/run/object', Buffer.from('y'))).rejects.toMatchObject(denied)
    await expect(onDisk.put('new/run/object', Buffer.from('y'))).rejects.toMatchObject(denied)
    await expect(onDisk.remove('job/run/object')).rejects.toMatchObject(denied)
    await expect(onDisk.removeTree('job/run')).rejects.toMatchObject(denied)
    expect((await collect(await onDisk.get('job/run/object'))).toString()).toBe('x')
    await onDisk.close()
  })

  test('a folder that takes nothing is a matter of permission', async ({ skip }) => {
    const closed = path.join(folder.path, 'closed')
    await mkdir(closed)
    try {
      await exec('chattr', ['+i', closed])
    } catch {
      skip('this filesystem knows no immutable folders')
    }
    try {
      await expect(sftpOnce(closed)).rejects.toMatchObject({ code: 'target_permission', retryable: false })
    } finally {
      await exec('chattr', ['-i', closed])
    }
  })

  async function sftpOnce(folderPath: string): Promise<void> {
    const once = sftpTarget(server, { path: folderPath })
    try {
      await once.put('job/run/object', Buffer.from('x'))
    } finally {
      await once.close()
    }
  }
})
