import { inspect } from 'node:util'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { afterEach, describe, expect, test } from 'vitest'
import type { BastionError } from '../../../../src/core/errors.ts'
import { createRetryingTarget } from '../../../../src/engine/targets/retrying-target.ts'
import type { Target } from '../../../../src/engine/targets/target.ts'
import { createWebdavTarget } from '../../../../src/engine/targets/webdav/webdav-target.ts'
import { multistatus, resource, type Script, type ScriptedWebdav, scriptedWebdav } from '../../../support/servers/scripted-webdav.ts'

const account = { username: 'backup', password: 'hunter2' }
const clock = { now: () => Date.parse('2026-01-01T00:00:00Z') }
const bytes = Buffer.from(Array.from({ length: 3_000_000 }, (_, i) => (i * 7919) >>> 3))

const opened: { close(): PromiseLike<void> }[] = []
afterEach(async () => {
  for (const each of opened.splice(0).toReversed()) await each.close()
})

async function setUp(
  script?: Script,
  options: { timeoutMs?: number; account?: typeof account } = {},
): Promise<{ target: Target; server: ScriptedWebdav }> {
  const server = await scriptedWebdav(script)
  const target = createWebdavTarget({ baseUrl: server.url, ...options.account, timeoutMs: options.timeoutMs ?? 30_000, clock })
  opened.push({ close: () => server[Symbol.asyncDispose]() }, target)
  return { target, server }
}

/** Answers requests of one method. */
function on(method: string, answer: (request: IncomingMessage, response: ServerResponse) => void): Script {
  return (request, response) => {
    if (request.method !== method) return false
    answer(request, response)
    return true
  }
}

async function* stream(...chunks: Uint8Array[]): AsyncGenerator<Uint8Array> {
  yield* chunks
}

async function readAll(chunks: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const all: Uint8Array[] = []
  for await (const chunk of chunks) all.push(chunk)
  return Buffer.concat(all)
}

async function failure(promised: Promise<unknown>): Promise<BastionError> {
  try {
    await promised
  } catch (error) {
    return error as BastionError
  }
  throw new Error('it did not fail')
}

describe('a status', () => {
  test.each([
    [400, {}, 'target_rejected', undefined],
    [401, {}, 'target_auth', undefined],
    [403, {}, 'target_permission', undefined],
    [405, {}, 'target_rejected', undefined],
    [413, {}, 'target_rejected', undefined],
    [423, {}, 'target_unreachable', undefined],
    [429, { 'retry-after': '7' }, 'target_rate_limited', 7_000],
    [429, {}, 'target_rate_limited', undefined],
    [500, {}, 'target_unreachable', undefined],
    [502, {}, 'target_unreachable', undefined],
    [503, {}, 'target_unreachable', undefined],
    [503, { 'retry-after': 'Thu, 01 Jan 2026 00:01:30 GMT' }, 'target_rate_limited', 90_000],
    [503, { 'retry-after': 'soon' }, 'target_unreachable', undefined],
    [504, {}, 'target_timeout', undefined],
    [507, {}, 'target_full', undefined],
  ] as const)('%i with %j to a put is %s', async (status, headers, code, retryAfterMs) => {
    const { target, server } = await setUp(
      on('PUT', (request, response) => request.resume().on('end', () => response.writeHead(status, headers).end('no'))),
    )
    for (const body of [bytes, stream(bytes)]) {
      const error = await failure(target.put('a/b', body))
      expect(error).toMatchObject({ code, details: { status, ...(retryAfterMs !== undefined && { retry_after_ms: retryAfterMs }) } })
      expect(error.details['retry_after_ms']).toBe(retryAfterMs)
      expect(error.message).toContain(`"a/b" in webdav+${server.url}`)
    }
    expect(server.requests.filter(({ method }) => method === 'MOVE')).toEqual([])
    const sent = server.requests.filter(({ method }) => method === 'PUT').map(({ path }) => path)
    const removed = server.requests.filter(({ method }) => method === 'DELETE').map(({ path }) => path)
    expect([...new Set(removed)].toSorted()).toEqual([...new Set(sent)].toSorted())
  })

  test('that is an answer before the whole body was sent is told as it is', async () => {
    const { target } = await setUp(on('PUT', (_, response) => response.writeHead(507, { connection: 'close' }).end()))
    async function* endless(): AsyncGenerator<Uint8Array> {
      for (;;) yield bytes
    }
    await expect(target.put('a', endless())).rejects.toMatchObject({ code: 'target_full' })
  })

  test.each(['GET', 'PROPFIND', 'DELETE'])('of 403 to %s is target_permission, not an object that is absent', async (denied) => {
    const { target, server } = await setUp(on(denied, (_, response) => response.writeHead(403).end()))
    server.objects.set('/dav/a', bytes)
    const attempts: Record<string, () => Promise<unknown>> = {
      GET: () => target.get('a'),
      PROPFIND: () => target.stat('a'),
      DELETE: () => target.remove('a'),
    }
    await expect(attempts[denied]!()).rejects.toMatchObject({ code: 'target_permission' })
  })

  test('of a part of a tree that could not be removed fails the removal', async () => {
    const { target, server } = await setUp(on('DELETE', (_, response) => response.writeHead(207).end(multistatus())))
    server.objects.set('/dav/run/a', bytes)
    await expect(target.removeTree('run')).rejects.toMatchObject({ code: 'target_rejected', message: expect.stringContaining('only a part') })
  })
})

describe('credentials', () => {
  test('never stand in an error, whatever it is of', async () => {
    for (const status of [401, 403, 500, 302]) {
      const { target } = await setUp(
        (request, response) => {
          if (request.headers.authorization === undefined) response.writeHead(401, { 'www-authenticate': 'Basic realm="x"' }).end()
          else response.writeHead(status, { location: 'http://backup:hunter2@127.0.0.1/elsewhere?token=hunter2' }).end()
        },
        { account },
      )
      const error = await failure(target.put('a', bytes))
      const told = inspect([error, error.hint, error.details, error.cause], { depth: 10 })
      expect(told).not.toContain('hunter2')
      expect(told).not.toContain(Buffer.from('backup:hunter2').toString('base64'))
    }
  })

  test('are not sent before the server asked, and with every request from then on', async () => {
    const { target, server } = await setUp(
      (request, response) => {
        if (request.headers.authorization !== undefined) return false
        response.writeHead(401, { 'www-authenticate': 'Basic realm="x"' }).end()
        return true
      },
      { account },
    )
    await target.put('a', stream(bytes))
    const [first, ...others] = server.requests.map(({ headers }) => headers.authorization)
    expect(first).toBeUndefined()
    expect(new Set(others)).toEqual(new Set([`Basic ${Buffer.from('backup:hunter2').toString('base64')}`]))
  })

  test('do not follow a redirect, and neither does a body', async () => {
    const other = await setUp()
    const { target, server } = await setUp(
      on('PUT', (request, response) => request.resume().on('end', () => response.writeHead(307, { location: other.server.url }).end())),
      {
        account,
      },
    )
    const error = await failure(target.put('a', bytes))
    expect(error).toMatchObject({ code: 'target_rejected', message: expect.stringContaining(other.server.url) })
    expect(other.server.requests).toEqual([])
    expect(server.requests.length).toBeGreaterThan(0)
  })

  test('whose digest has grown old are shown anew, before a stream and after an answer', async () => {
    let nonce = 'first'
    const { target, server } = await setUp(
      (request, response) => {
        if (request.headers.authorization?.includes(`nonce="${nonce}"`) === true) return false
        const stale = request.headers.authorization === undefined ? '' : ', stale=true'
        response
          .writeHead(401, { 'www-authenticate': [`Digest realm="x", nonce="${nonce}", qop="auth", algorithm=SHA-256${stale}`, 'Basic realm="x"'] })
          .end()
        return true
      },
      { account },
    )
    await target.put('a', bytes)
    nonce = 'second'
    await target.put('b', stream(bytes))
    nonce = 'third'
    expect(await target.stat('b')).toEqual({ sizeBytes: bytes.byteLength })
    expect(server.objects.get('/dav/b')).toEqual(bytes)
    expect(server.requests.filter(({ headers }) => headers.authorization?.startsWith('Basic') === true)).toEqual([])
  })

  test('are not shown to a server that could not say how it wants to see them', async () => {
    let down = true
    const { target, server } = await setUp(
      (request, response) => {
        if (down) response.writeHead(503, { 'retry-after': '3' }).end()
        else if (request.headers.authorization === undefined)
          response.writeHead(401, { 'www-authenticate': 'Digest realm="x", nonce="n", qop="auth"' }).end()
        else return false
        return true
      },
      { account },
    )
    await expect(target.stat('a')).rejects.toMatchObject({ code: 'target_rate_limited', details: { retry_after_ms: 3_000 } })
    down = false
    expect(await target.stat('a')).toBeNull()
    expect(server.requests.filter(({ headers }) => headers.authorization?.startsWith('Basic') === true)).toEqual([])
  })

  test.each(['Negotiate', 'Digest realm="x", nonce="n", algorithm=SHA-512-256', 'Digest realm="x", nonce="n", qop="auth-int"'])(
    'are not shown to a server that wants %s',
    async (challenge) => {
      const { target, server } = await setUp((_, response) => void response.writeHead(401, { 'www-authenticate': challenge }).end(), { account })
      await expect(target.stat('a')).rejects.toMatchObject({ code: 'target_auth', message: expect.stringContaining('neither Basic nor Digest') })
      expect(server.requests.filter(({ headers }) => headers.authorization !== undefined)).toEqual([])
    },
  )
})

describe('silence', () => {
  test('of a server that never answers a put ends it', async () => {
    const { target } = await setUp(
      on('PUT', (request) => void request.resume()),
      { timeoutMs: 50 },
    )
    await expect(target.put('a', Buffer.from('x'))).rejects.toMatchObject({ code: 'target_timeout' })
    await expect(target.put('a', stream(Buffer.from('x')))).rejects.toMatchObject({ code: 'target_timeout' })
  })

  test('of a server that takes no more of a body ends it', async () => {
    const { target } = await setUp(
      on('PUT', (request) => void request.pause()),
      { timeoutMs: 50 },
    )
    async function* endless(): AsyncGenerator<Uint8Array> {
      for (;;) yield bytes.subarray(0, 1024)
    }
    await expect(target.put('a', endless())).rejects.toMatchObject({ code: 'target_timeout' })
  })

  test('in the middle of an answer ends a get, and a listing', async () => {
    const { target } = await setUp(
      (request, response) => {
        if (request.method !== 'GET' && request.method !== 'PROPFIND') return false
        response.writeHead(request.method === 'GET' ? 200 : 207, { 'content-length': 1000 }).write('some')
        return true
      },
      { timeoutMs: 50 },
    )
    await expect(target.get('a').then(readAll)).rejects.toMatchObject({ code: 'target_timeout' })
    await expect(target.stat('a')).rejects.toMatchObject({ code: 'target_timeout' })
  })

  test('is ended by an abort too', async () => {
    const aborting = new AbortController()
    const { target } = await setUp(on('GET', () => aborting.abort()))
    await expect(target.get('a', { signal: aborting.signal })).rejects.toMatchObject({ code: 'canceled' })
  })

  test('of our own is no fault of the server: neither a source that is slow nor a reader', async () => {
    const { target, server } = await setUp(undefined, { timeoutMs: 500 })
    const pause = () => new Promise((resolve) => setTimeout(resolve, 900))
    async function* slow(): AsyncGenerator<Uint8Array> {
      await pause()
      yield bytes
      await pause()
    }
    await target.put('a', slow())
    let read = 0
    for await (const chunk of await target.get('a')) {
      if (read === 0) await pause()
      read += chunk.byteLength
    }
    expect(read).toBe(bytes.byteLength)
    expect(server.objects.get('/dav/a')).toEqual(bytes)
  })
})

describe('a connection', () => {
  test('that is refused is target_unreachable', async () => {
    const { target, server } = await setUp()
    await server[Symbol.asyncDispose]()
    opened.shift()
    await expect(target.stat('a')).rejects.toMatchObject({ code: 'target_unreachable' })
    await expect(target.put('a', stream(bytes))).rejects.toMatchObject({ code: 'target_unreachable' })
  })

  test('that is cut while a body is sent is target_unreachable', async () => {
    const { target } = await setUp(on('PUT', (request) => request.once('data', () => request.destroy())))
    await expect(target.put('a', stream(bytes, bytes, bytes))).rejects.toMatchObject({ code: 'target_unreachable' })
  })

  test('to something that is no HTTP server is target_rejected, with advice', async () => {
    const { target } = await setUp((request) => void request.socket.end('SSH-2.0-OpenSSH_9.2\r\n'))
    await expect(target.stat('a')).rejects.toMatchObject({ code: 'target_rejected', hint: expect.stringContaining('port') })
  })

  test('by TLS to a server that speaks none is target_rejected, with advice', async () => {
    const { server } = await setUp()
    const target = createWebdavTarget({ baseUrl: server.url.replace('http:', 'https:'), timeoutMs: 30_000, clock })
    opened.push(target)
    await expect(target.stat('a')).rejects.toMatchObject({ code: 'target_rejected', hint: expect.stringContaining('http or https') })
  })

  test('of many small requests is used again', async () => {
    const { target, server } = await setUp()
    await Promise.all(Array.from({ length: 100 }, (_, i) => target.put(`d/${i}`, Buffer.from(`${i}`))))
    expect(server.objects.size).toBe(100)
    expect(await server.connections()).toBeLessThanOrEqual(8)
  })

  test('is not held for a reader that never comes; one that comes late reads all the same', async () => {
    const { target, server } = await setUp()
    await target.put('a', bytes)
    const body = await target.get('a')
    const held = () => server.requests.filter(({ method }) => method === 'GET').length
    expect(held()).toBe(1)
    const connections = await server.connections()
    for (; (await server.connections()) === connections;) await new Promise((resolve) => setTimeout(resolve, 20))
    expect(await readAll(body)).toEqual(bytes)
    expect(await readAll(body)).toEqual(bytes)
    expect(held()).toBe(3)
  })
})

describe('what is read', () => {
  const size = bytes.byteLength

  async function reading(answer: (request: IncomingMessage, response: ServerResponse) => void): Promise<{ target: Target; server: ScriptedWebdav }> {
    const { target, server } = await setUp(on('GET', answer))
    server.objects.set('/dav/a', bytes)
    return { target, server }
  }

  test('and ends early is target_unreachable, of known length or not', async () => {
    const cut = async (headers: Record<string, string | number>) => {
      const { target } = await reading((_, response) => {
        response.writeHead(200, headers).write(bytes.subarray(0, 1000), () => response.destroy())
      })
      return await failure(target.get('a').then(readAll))
    }
    expect(await cut({ 'content-length': size })).toMatchObject({ code: 'target_unreachable' })
    expect(await cut({ 'transfer-encoding': 'chunked' })).toMatchObject({ code: 'target_unreachable' })
    const short = await reading((_, response) => response.writeHead(200, { connection: 'close' }).end(bytes.subarray(0, 1000)))
    await expect(short.target.get('a').then(readAll)).rejects.toMatchObject({ code: 'target_unreachable' })
  })

  test('and ends early every time is read whole by trying again', async () => {
    let cuts = 0
    const { target } = await reading((request, response) => {
      const [, first = '0', last = String(size - 1)] = /^bytes=(\d+)-(\d+)$/.exec(request.headers.range ?? '') ?? []
      const part = bytes.subarray(Number(first), Number(last) + 1)
      const headers = { 'content-length': part.byteLength, ...(request.headers.range && { 'content-range': `bytes ${first}-${last}/${size}` }) }
      response.writeHead(request.headers.range === undefined ? 200 : 206, headers)
      if (part.byteLength <= 1_200_000) response.end(part)
      else response.write(part.subarray(0, 1_200_000), () => (cuts++, response.destroy()))
    })
    const retrying = createRetryingTarget(target, { clock: { now: () => 0 }, sleep: async () => {}, random: () => 0 })
    expect(await readAll(await retrying.get('a'))).toEqual(bytes)
    expect(cuts).toBeGreaterThan(0)
  })

  test('of a range from a server without ranges is cut out of the whole', async () => {
    const { target } = await reading((_, response) => response.writeHead(200, { 'content-length': size }).end(bytes))
    const range = { offset: 1_234_567, length: 1_300_000 }
    expect(await readAll(await target.get('a', { range }))).toEqual(bytes.subarray(range.offset, range.offset + range.length))
    expect(await readAll(await target.get('a', { range: { offset: size, length: 5 } }))).toHaveLength(0)
  })

  test.each(['bytes 11-20/3000000', 'bytes 10-18/3000000', 'bytes 10-19/15', 'bytes 10-19/*', 'items 10-19/3000000', undefined])(
    'of a range must be that range, not %s',
    async (contentRange) => {
      const { target } = await reading((_, response) =>
        response
          .writeHead(206, { 'content-length': 10, ...(contentRange !== undefined && { 'content-range': contentRange }) })
          .end(bytes.subarray(10, 20)),
      )
      await expect(target.get('a', { range: { offset: 10, length: 10 } })).rejects.toMatchObject({ code: 'target_rejected' })
    },
  )

  test('is refused when it is encoded, and when it is no file at all', async () => {
    const encoded = await reading((_, response) => response.writeHead(200, { 'content-length': 5, 'content-encoding': 'gzip' }).end('12345'))
    await expect(encoded.target.get('a')).rejects.toMatchObject({ code: 'target_rejected' })
    const page = await reading((_, response) => response.writeHead(200, { 'content-type': 'text/html' }).end('<html>what is here</html>'))
    await expect(page.target.get('directory')).rejects.toMatchObject({ code: 'target_not_found' })
  })
})

describe('a server that lies', () => {
  const lyingAbout = (sizeBytes: number): Script =>
    on('PROPFIND', (request, response) =>
      request.resume().on('end', () => response.writeHead(207).end(multistatus(resource(request.url!, sizeBytes)))),
    )

  test.each([0, 2_999_999, 3_000_001])('about what it stored (%i of 3000000 bytes) fails the put before it counts', async (sizeBytes) => {
    const { target, server } = await setUp(lyingAbout(sizeBytes))
    for (const body of [bytes, stream(bytes)]) {
      await expect(target.put('a', body)).rejects.toMatchObject({
        code: 'target_rejected',
        message: expect.stringContaining(`${sizeBytes} of its 3000000`),
      })
    }
    await expect(target.put('a', stream(bytes), { inPlace: true })).rejects.toMatchObject({ code: 'target_rejected' })
    expect(server.requests.filter(({ method }) => method === 'MOVE')).toEqual([])
    expect(server.objects.size).toBe(0)
  })

  test('that it has stored what was not sent yet fails the put', async () => {
    const { target } = await setUp(on('PUT', (_, response) => response.writeHead(201).end()))
    const gate = Promise.withResolvers<void>()
    async function* half(): AsyncGenerator<Uint8Array> {
      yield bytes
      await gate.promise
      yield bytes
    }
    const put = target.put('a', half())
    await expect(put.finally(() => gate.resolve())).rejects.toMatchObject({ code: 'target_rejected' })
  })

  test('that something is there already fails an exclusive put only', async () => {
    const { target } = await setUp(on('MOVE', (_, response) => response.writeHead(412).end()))
    await expect(target.put('a', bytes, { ifAbsent: true })).rejects.toMatchObject({ code: 'target_rejected', details: { exists: true } })
    const error = await failure(target.put('a', bytes))
    expect(error.code).toBe('target_rejected')
    expect(error.details['exists']).toBeUndefined()
  })
})

describe('a destination', () => {
  test('is said as the server behind a proxy knows itself, and remembered', async () => {
    const asked: string[] = []
    const { target, server } = await setUp((request, response) => {
      if (request.method !== 'MOVE') return false
      asked.push(String(request.headers.destination).replace(server.url.slice(0, -'/dav'.length), 'ORIGIN'))
      if (String(request.headers.destination).startsWith('https:')) return false
      response.writeHead(asked.length === 1 ? 502 : 400).end()
      return true
    })
    await target.put('a', bytes)
    await target.put('b', bytes)
    const secure = server.url.replace('http:', 'https:')
    expect(asked).toEqual(['ORIGIN/dav/a', '/dav/a', `${secure}/a`, `${secure}/b`])
    expect([...server.objects.keys()].toSorted()).toEqual(['/dav/a', '/dav/b'])
  })

  test('that nobody understands fails the put', async () => {
    const { target } = await setUp(on('MOVE', (_, response) => response.writeHead(502).end()))
    await expect(target.put('a', bytes)).rejects.toMatchObject({ code: 'target_unreachable' })
  })
})

describe('a listing', () => {
  const listing = async (status: number, body: string | Buffer) => {
    const { target } = await setUp((request, response) => {
      if (request.method !== 'PROPFIND') return false
      response.writeHead(status).end(body)
      return true
    })
    const entries = []
    for await (const entry of target.list('d')) entries.push(entry)
    return entries
  }

  test('may name what it holds by URL, by path, encoded more or less, with any prefix', async () => {
    const body = `<?xml version="1.0"?><multistatus xmlns="DAV:" xmlns:x="http://example.org/ns">
      <response><href>http://other.example/dav/d</href><propstat><prop><resourcetype><collection/></resourcetype></prop><status>HTTP/1.1 200 OK</status></propstat></response>
      <response><href> /dav/d/%7Ea%20b&amp;c&#39;&#x27; </href><propstat><prop><getcontentlength>007</getcontentlength>
        <getlastmodified>Thu, 01 Jan 2026 00:00:00 GMT</getlastmodified><resourcetype/></prop><status>HTTP/1.1 200 OK</status></propstat>
        <propstat><prop><x:collection/></prop><status>HTTP/1.1 404 Not Found</status></propstat></response>
      <response><href>/dav/d/sub/</href><propstat><prop><resourcetype><collection/></resourcetype></prop><status>HTTP/1.1 200 OK</status></propstat></response>
      <response><href>/dav/d/sub/deeper</href><propstat><prop><getcontentlength>1</getcontentlength></prop><status>HTTP/1.1 200 OK</status></propstat></response>
      <response><href>/dav/d/gone</href><status>HTTP/1.1 404 Not Found</status></response>
      <response><href>/dav/d/not-utf-8-%ff</href><propstat><prop><getcontentlength>1</getcontentlength></prop><status>HTTP/1.1 200 OK</status></propstat></response>
      <response><href>/dav/d/..%2Fescaped</href><propstat><prop><getcontentlength>1</getcontentlength></prop><status>HTTP/1.1 200 OK</status></propstat></response>
    </multistatus>`
    expect(await listing(207, body)).toEqual([
      { key: "d/~a b&c''", kind: 'object', sizeBytes: 7, modifiedMs: clock.now() },
      { key: 'd/sub', kind: 'directory' },
    ])
  })

  test('of many thousand objects is read whole', async () => {
    const names = Array.from({ length: 20_000 }, (_, i) => `object-${i}`)
    const body = multistatus(resource('/dav/d/'), ...names.map((name, i) => resource(`/dav/d/${name}`, i)))
    expect((await listing(207, body)).map(({ key }) => key)).toEqual(names.map((name) => `d/${name}`))
  })

  const whole = multistatus(resource('/dav/d/'), resource('/dav/d/a', 1))
  test.each([
    ['that ends early', whole.slice(0, -20), 'target_unreachable'],
    ['that an error of the server follows', `${whole}Internal Server Error`, 'target_unreachable'],
    ['of another place', multistatus(resource('/files/d/'), resource('/files/d/a', 1)), 'target_rejected'],
    ['that leaves the collection out', multistatus(resource('/dav/d/a', 1)), 'target_rejected'],
    ['that declares entities', whole.replace('?>', '?><!DOCTYPE x [<!ENTITY a "b">]>'), 'target_rejected'],
    ['that uses what it did not declare', whole.replace('/dav/d/a', '/dav/d/&a;'), 'target_rejected'],
    ['with a resource without end', multistatus(resource('/dav/d/'), `<D:response>${'x'.repeat(100_000)}`), 'target_rejected'],
    ['that is not UTF-8', Buffer.from(whole.replace('/dav/d/a', '/dav/d/\xfc'), 'latin1'), 'target_rejected'],
    ['that is nothing', '', 'target_unreachable'],
  ])('%s is refused', async (_, body, code) => {
    await expect(listing(207, body)).rejects.toMatchObject({ code })
  })

  test.each([
    [200, 'target_rejected'],
    [405, 'target_rejected'],
    [503, 'target_unreachable'],
  ])('that is none (%i) does not read as "nothing there"', async (status, code) => {
    await expect(listing(status, '<html></html>')).rejects.toMatchObject({ code })
  })

  test('with a part that may not be seen is refused', async () => {
    const hidden = '<D:response><D:href>/dav/d/b</D:href><D:status>HTTP/1.1 403 Forbidden</D:status></D:response>'
    await expect(listing(207, multistatus(resource('/dav/d/'), hidden))).rejects.toMatchObject({ code: 'target_permission' })
  })

  test('without sizes leaves them to HEAD where one is asked for', async () => {
    const nameless = resource('/dav/a', 1).replace(/<D:getcontentlength>.*<\/D:getcontentlength>/, '')
    const { target } = await setUp((request, response) => {
      if (request.method === 'PROPFIND') response.writeHead(207).end(multistatus(nameless))
      else response.writeHead(200, { 'content-length': 1234 }).end()
    })
    expect(await target.stat('a')).toEqual({ sizeBytes: 1234 })
  })
})
