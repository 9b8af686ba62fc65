import { existsSync } from 'node:fs'
import { mkdir, readdir, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { createWebdavTarget, type WebdavTargetOptions } from '../../../../src/engine/targets/webdav/webdav-target.ts'
import type { Target } from '../../../../src/engine/targets/target.ts'
import { apacheWebdav } from '../../../support/servers/apache-webdav.ts'
import { nginxWebdav } from '../../../support/servers/nginx-webdav.ts'
import { selfSigned } from '../../../support/servers/self-signed.ts'
import type { WebdavServer } from '../../../support/servers/webdav-server.ts'
import { webdavKinds } from '../../../support/servers/webdav-servers.ts'
import { temporaryFolder } from '../../../support/temporary-folder.ts'

const account = { username: 'bäckup', password: 'pass:"wörd"\\' }
const bytes = Buffer.from(Array.from({ length: 2_500_000 }, (_, i) => (i * 7919) >>> 3))
const [apache, nginx] = [webdavKinds[0]!, webdavKinds[1]!]

const targets: Target[] = []
afterEach(async () => {
  for (const target of targets.splice(0)) await target.close()
})

function open(options: Omit<WebdavTargetOptions, 'timeoutMs' | 'clock'>): Target {
  const target = createWebdavTarget({ timeoutMs: 30_000, clock: { now: Date.now }, ...options })
  targets.push(target)
  return target
}

async function* stream(...chunks: Uint8Array[]): AsyncGenerator<Uint8Array> {
  yield* chunks
}

async function readAll(chunks: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const all: Uint8Array[] = []
  for await (const chunk of chunks) all.push(chunk)
  return Buffer.concat(all)
}

describe.each(webdavKinds)('$name', (kind) => {
  let server: WebdavServer | undefined
  beforeAll(async () => {
    server = kind.whyNot === undefined ? await kind.start({ account }) : undefined
  })
  afterAll(() => server?.[Symbol.asyncDispose]())

  test('lets in who has the account, and nobody else', async ({ skip }) => {
    if (server === undefined) return skip(kind.whyNot)
    const target = open({ baseUrl: server.url, ...account })
    await target.put('run/stream', stream(bytes, bytes))
    await target.put('run/bytes', bytes)
    expect(await readAll(await target.get('run/stream'))).toEqual(Buffer.concat([bytes, bytes]))

    for (const wrong of [{}, { ...account, password: 'wrong' }, { ...account, username: 'somebody' }]) {
      const stranger = open({ baseUrl: server.url, ...wrong })
      const attempts = [
        () => stranger.stat('run/bytes'),
        () => stranger.get('run/bytes'),
        () => stranger.put('run/new', bytes),
        () => stranger.put('run/new', stream(bytes)),
      ]
      for (const attempt of attempts) {
        await expect(attempt()).rejects.toMatchObject({ code: 'target_auth' })
      }
    }
    expect((await readdir(path.join(server.folder, 'run'))).toSorted()).toEqual(['bytes', 'stream'])
  })

  test('keeps an object under exactly its key, in a collection whose address is encoded', async ({ skip }) => {
    if (server === undefined) return skip(kind.whyNot)
    const target = open({ baseUrl: `${server.url}/B%C3%BCro%20%26%20%25/`, ...account })
    await target.put('a b/100% #1?.txt', bytes)
    await target.put('in place', stream(bytes), { inPlace: true, sizeBytes: bytes.byteLength })
    expect((await readdir(path.join(server.folder, 'Büro & %'), { recursive: true })).toSorted()).toEqual(['a b', 'a b/100% #1?.txt', 'in place'])
  })

  test('makes again what somebody else took away', async ({ skip }) => {
    if (server === undefined) return skip(kind.whyNot)
    const target = open({ baseUrl: `${server.url}/taken`, ...account })
    const other = open({ baseUrl: server.url, ...account })
    await target.put('deep/er/one', bytes)
    await other.removeTree('taken')
    await target.put('deep/er/two', bytes)
    expect(await readAll(await target.get('deep/er/two'))).toEqual(bytes)
  })

  test('shows no object on its way in, nor the rest of one whose writer died', async ({ skip }) => {
    if (server === undefined) return skip(kind.whyNot)
    const target = open({ baseUrl: `${server.url}/rest`, ...account })
    await target.put('object', bytes)
    const rest = '.object.0123456789abcdef.tmp'
    await expect(target.put(rest, bytes)).rejects.toMatchObject({ code: 'target_rejected' })
    await writeFile(path.join(server.folder, 'rest', rest), 'half')
    const keys = []
    for await (const { key } of target.list('')) keys.push(key)
    expect(keys).toEqual(['object'])
  })
})

describe('Digest', () => {
  let server: WebdavServer | undefined
  beforeAll(async () => {
    const directives = ['AuthDigestDomain /dav', 'AuthDigestNonceLifetime 1']
    server = apache.whyNot === undefined ? await apacheWebdav({ account, scheme: 'digest', directives }) : undefined
  })
  afterAll(() => server?.[Symbol.asyncDispose]())

  test('lets in who has the account, also when its nonce has grown old, and nobody else', async ({ skip }) => {
    if (server === undefined) return skip(apache.whyNot)
    const target = open({ baseUrl: server.url, ...account })
    await target.put('a b', bytes)
    await new Promise((resolve) => setTimeout(resolve, 1_500))
    await target.put('a b', stream(bytes, bytes))
    expect(await readAll(await target.get('a b'))).toEqual(Buffer.concat([bytes, bytes]))
    await expect(open({ baseUrl: server.url, ...account, password: 'wrong' }).stat('a b')).rejects.toMatchObject({ code: 'target_auth' })
  })
})

describe('TLS', () => {
  test('is trusted by the CA that is given, and not without', async ({ skip }) => {
    if (apache.whyNot !== undefined) return skip(apache.whyNot)
    if (!existsSync('/usr/bin/openssl')) return skip('no openssl')
    await using folder = await temporaryFolder()
    const { certificate, ...tls } = await selfSigned(folder.path)
    await using server = await apacheWebdav({ tls })
    const distrusting = open({ baseUrl: server.url })
    for (const attempt of [() => distrusting.stat('a'), () => distrusting.put('a', bytes), () => distrusting.put('a', stream(bytes))]) {
      await expect(attempt()).rejects.toMatchObject({ code: 'target_auth', message: expect.stringContaining('cannot prove who it is') })
    }
    const target = open({ baseUrl: server.url, caCertificate: certificate })
    await target.put('a', stream(bytes))
    expect(await readAll(await target.get('a'))).toEqual(bytes)

    // By another name than the certificate's.
    const elsewhere = open({ baseUrl: server.url.replace('127.0.0.1', 'localhost'), caCertificate: certificate })
    await expect(elsewhere.stat('a')).rejects.toMatchObject({ code: 'target_auth' })
  })
})

describe('what a server does not allow', () => {
  test('is target_permission: to write', async ({ skip }) => {
    if (nginx.whyNot !== undefined) return skip(nginx.whyNot)
    await using server = await nginxWebdav({ directives: ['limit_except GET HEAD PROPFIND { deny all; }'] })
    await writeFile(path.join(server.folder, 'object'), bytes)
    const target = open({ baseUrl: server.url })
    expect(await target.stat('object')).toMatchObject({ sizeBytes: bytes.byteLength })
    await expect(target.put('new', bytes)).rejects.toMatchObject({ code: 'target_permission' })
    await expect(target.put('new', stream(bytes))).rejects.toMatchObject({ code: 'target_permission' })
    await expect(target.remove('object')).rejects.toMatchObject({ code: 'target_permission' })
    await mkdir(path.join(server.folder, 'tree'))
    await expect(target.removeTree('tree')).rejects.toMatchObject({ code: 'target_permission' })
  })

  test('is target_rejected with advice: a body larger than nginx takes', async ({ skip }) => {
    if (nginx.whyNot !== undefined) return skip(nginx.whyNot)
    await using server = await nginxWebdav({ directives: ['location ~ small { client_max_body_size 1m; }'] })
    const target = open({ baseUrl: `${server.url}/small` })
    await expect(target.put('object', bytes)).rejects.toMatchObject({
      code: 'target_rejected',
      hint: expect.stringContaining('client_max_body_size'),
    })
  })

  test('is target_rejected with advice: to be written to as a plain web server', async ({ skip }) => {
    if (nginx.whyNot !== undefined) return skip(nginx.whyNot)
    await using server = await nginxWebdav()
    const target = open({ baseUrl: server.url.replace('/dav', '/') })
    await expect(target.put('object', bytes.subarray(0, 10))).rejects.toMatchObject({
      code: 'target_rejected',
      hint: expect.stringContaining('PROPFIND'),
    })
  })
})

test.each([
  [{ password: 'x' }, 'no user name'],
  [{ username: 'a:b', password: 'x' }, 'no ":"'],
])('credentials that HTTP cannot carry are refused at once', (credentials, message) => {
  expect(() => open({ baseUrl: 'https://host/dir', ...credentials })).toThrow(
    expect.objectContaining({ code: 'invalid_spec', message: expect.stringContaining(message) }),
  )
})
