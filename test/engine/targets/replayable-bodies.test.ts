import { randomUUID } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import { createKeptPart } from '../../../src/engine/pipeline/kept-part.ts'
import { readObject } from '../../../src/engine/targets/read-object.ts'
import { createRetries } from '../../../src/engine/targets/retries.ts'
import { createRetryingTarget } from '../../../src/engine/targets/retrying-target.ts'
import { createS3Target } from '../../../src/engine/targets/s3/s3-target.ts'
import type { Target } from '../../../src/engine/targets/target.ts'
import { createWebdavTarget } from '../../../src/engine/targets/webdav/webdav-target.ts'
import { seededRandom } from '../../support/seed.ts'
import { startPlainSftp } from '../../support/servers/plain-sftp-server.ts'
import { newBucket, radosgw, whyNoRadosgw } from '../../support/servers/radosgw.ts'
import { sftpTarget } from '../../support/servers/sftp-target.ts'
import { startTcpProxy } from '../../support/servers/tcp-proxy.ts'
import { webdavKinds } from '../../support/servers/webdav-servers.ts'
import { temporaryFolder } from '../../support/temporary-folder.ts'

const clock = { now: Date.now }
const retrying = { clock: { now: () => 0 }, sleep: async () => {}, random: () => 0 }
const random = seededRandom()
// More than a piece of S3, so that a put is cut while it waits for the rest.
const half = Buffer.from(Uint8Array.from({ length: 9_000_000 }, () => random() * 256))

/** A server, and how to open it at a port that leads to it. */
interface Place extends AsyncDisposable {
  serverPort: number
  open(port: number): Target
}

async function webdav(): Promise<Place> {
  const server = await webdavKinds.find(({ whyNot }) => whyNot === undefined)!.start()
  const { port } = new URL(server.url)
  return {
    serverPort: Number(port),
    open: (proxyPort) =>
      createWebdavTarget({ baseUrl: `${server.url.replace(`:${port}`, `:${proxyPort}`)}/${randomUUID()}`, timeoutMs: 30_000, clock }),
    [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
  }
}

async function sftp(): Promise<Place> {
  const folder = await temporaryFolder()
  const server = await startPlainSftp()
  return {
    serverPort: server.port,
    open: (port) => sftpTarget({ ...server, port }, { path: folder.path }),
    async [Symbol.asyncDispose]() {
      await server[Symbol.asyncDispose]()
      await folder[Symbol.asyncDispose]()
    },
  }
}

async function s3(ownRetries: boolean): Promise<Place> {
  const server = await radosgw()
  const bucket = await newBucket(server)
  const timeouts = { connectMs: 5_000, answerMs: 30_000, minBytesPerSecond: 1024 }
  const retries = ownRetries ? createRetries(retrying) : undefined
  return {
    serverPort: Number(new URL(server.endpoint).port),
    open: (port) => createS3Target({ ...server, endpoint: `http://127.0.0.1:${port}`, bucket, clock, timeouts, retries }),
    async [Symbol.asyncDispose]() {},
  }
}

const noRadosgw = await whyNoRadosgw()
const noWebdav = webdavKinds.every(({ whyNot }) => whyNot !== undefined) ? 'no server for WebDAV' : undefined

describe.each<[string, () => Promise<Place>, string | undefined]>([
  ['webdav', webdav, noWebdav],
  ['sftp', sftp, undefined],
  ['s3, sending pieces again by itself', () => s3(true), noRadosgw],
  ['s3, which is not to', () => s3(false), noRadosgw],
])('a part that is kept while it is filled, on %s,', (_, start, whyNot) => {
  test('is whole though the connection broke in its middle', async ({ skip }) => {
    if (whyNot !== undefined) return skip(whyNot)
    await using place = await start()
    await using proxy = await startTcpProxy(place.serverPort)
    const inner = place.open(proxy.port)
    const target = createRetryingTarget(inner, retrying)
    await target.put('before', Buffer.from('connected'))
    const part = createKeptPart()
    proxy.cutAfterBytes(half.length / 2)
    const connections = proxy.connections
    const putting = target.put('parts/part', part, { inPlace: true })
    for (let at = 0; at < half.length; at += 1_000_000) part.add(half.subarray(at, at + 1_000_000))
    await expect.poll(() => proxy.cuts, { timeout: 20_000 }).toBe(1)
    part.add(half)
    part.end()
    expect((await putting).sizeBytes).toBe(2 * half.length)
    expect(proxy.connections).toBeGreaterThan(connections)
    const stored = await readObject(target, 'parts/part', { maxBytes: 3 * half.length })
    expect(Buffer.compare(stored, Buffer.concat([half, half]))).toBe(0)
    await target.close()
  })
})
