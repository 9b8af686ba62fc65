import { once } from 'node:events'
import { createServer, type RequestListener } from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { afterEach, describe, expect, test } from 'vitest'
import type { BastionError } from '../../../src/core/errors.ts'
import { createS3Target, type S3TargetOptions } from '../../../src/engine/targets/s3/s3-target.ts'
import type { Target } from '../../../src/engine/targets/target.ts'
import { scale } from '../../support/scale.ts'
import { selfSigned } from '../../support/self-signed.ts'

const mebibyte = 1024 * 1024
const timeouts = { connectMs: 5_000, answerMs: 30_000, minBytesPerSecond: 1024 }
const nowMs = Date.UTC(2026, 0, 1)
const open: AsyncDisposable[] = []
afterEach(async () => {
  for (const each of open.splice(0)) await each[Symbol.asyncDispose]()
})

/** An S3 target on a server that does what no real one can be made to do. */
async function onServer(
  listener: RequestListener,
  { tls, ...options }: { tls?: { key: string; cert: string } } & Partial<S3TargetOptions> = {},
): Promise<Target> {
  const server = tls === undefined ? createServer(listener) : createTlsServer(tls, listener)
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const target = s3(`${tls === undefined ? 'http' : 'https'}://127.0.0.1:${(server.address() as AddressInfo).port}`, options)
  open.push({
    async [Symbol.asyncDispose]() {
      await target.close()
      server.closeAllConnections()
      server.close()
      await once(server, 'close')
    },
  })
  return target
}

function s3(endpoint: string, options: Partial<S3TargetOptions> = {}): Target {
  const credentials = { accessKeyId: 'test-access-key', secretAccessKey: 'hunter2' }
  return createS3Target({ bucket: 'bucket', region: 'us-east-1', endpoint, credentials, timeouts, clock: { now: () => nowMs }, ...options })
}

function answering(status: number, code: string, headers: Record<string, string> = {}): Promise<Target> {
  const body = code === '' ? '' : `<?xml version="1.0"?><Error><Code>${code}</Code><Message>As it was told to say.\n\u001b[31m</Message></Error>`
  return onServer((request, response) => {
    request.resume()
    request.on('end', () => response.writeHead(status, headers).end(body))
  })
}

describe('an answer of', () => {
  test.each([
    [503, 'SlowDown', 'target_rate_limited'],
    [503, 'ServiceUnavailable', 'target_unreachable'],
    [503, '', 'target_unreachable'],
    [429, '', 'target_rate_limited'],
    [500, 'InternalError', 'target_unreachable'],
    [502, '', 'target_unreachable'],
    [504, '', 'target_timeout'],
    [400, 'RequestTimeout', 'target_timeout'],
    [507, '', 'target_full'],
    [403, 'QuotaExceeded', 'target_full'],
    [403, 'AccessDenied', 'target_permission'],
    [403, 'InvalidAccessKeyId', 'target_auth'],
    [403, 'RequestTimeTooSkewed', 'target_auth'],
    [400, 'ExpiredToken', 'target_auth'],
    [401, '', 'target_auth'],
    [301, 'PermanentRedirect', 'target_auth'],
    [400, 'AuthorizationHeaderMalformed', 'target_auth'],
    [404, 'NoSuchBucket', 'target_identity'],
    [404, 'NoSuchKey', 'target_not_found'],
    [404, '', 'target_rejected'],
    [400, 'KeyTooLongError', 'target_rejected'],
    [403, 'InvalidObjectState', 'target_rejected'],
    [501, 'NotImplemented', 'target_rejected'],
  ])('%i %s is %s', async (status, code, expected) => {
    const target = await answering(status, code)
    const error = await target.get('object').then(
      () => undefined,
      (thrown: unknown) => thrown,
    )
    expect(error).toMatchObject({ code: expected, message: expect.stringMatching(/^Cannot read "object" in s3:\/\/bucket/) as string })
    expect((error as Error).message).toMatch(code === '' ? `HTTP ${status}` : code)
    // oxlint-disable-next-line no-control-regex
    expect((error as Error).message).not.toMatch(/[\u0000-\u001f]/)
    expect(JSON.stringify([error, (error as Error).cause])).not.toContain('hunter2')
    // The second is sent straight, where the SDK has sent the first.
    for (const name of ['first', 'second']) {
      await expect(target.put(name, Buffer.alloc(10))).rejects.toMatchObject({
        code: expected,
        message: (error as Error).message.replace('read "object"', `store "${name}"`),
        details: (error as BastionError).details,
      })
    }
  })

  test.each([
    ['12', 12_000],
    [new Date(nowMs + 90_000).toUTCString(), 90_000],
  ])('503 with Retry-After %s says how long to wait', async (retryAfter, waitMs) => {
    const target = await answering(503, 'SlowDown', { 'retry-after': retryAfter })
    await expect(target.get('object')).rejects.toMatchObject({ details: { retry_after_ms: waitMs } })
    await expect(target.put('object', Buffer.alloc(10))).rejects.toMatchObject({ details: { retry_after_ms: waitMs } })
  })

  test('a bucket elsewhere names its region', async () => {
    const target = await answering(301, 'PermanentRedirect', { 'x-amz-bucket-region': 'eu-north-1' })
    await expect(target.get('object')).rejects.toMatchObject({ hint: expect.stringContaining('eu-north-1') as string })
    await expect(target.stat('object')).rejects.toMatchObject({ code: 'target_auth', hint: expect.stringContaining('eu-north-1') as string })
    await expect(target.put('object', Buffer.alloc(10))).rejects.toMatchObject({ hint: expect.stringContaining('eu-north-1') as string })
  })

  test('a page of some other server is no answer', async () => {
    const target = await onServer((_, response) => response.writeHead(200, { 'content-type': 'text/html' }).end('<html><p>Please log in'))
    const small = () => target.put('object', Buffer.alloc(10))
    for (const ask of [
      small,
      small,
      () => target.get('object'),
      () => target.put('object', Buffer.alloc(20 * mebibyte)),
      () => target.removeTree('a'),
    ]) {
      await expect(ask()).rejects.toMatchObject({ code: 'target_rejected' })
    }
    await expect(target.list('')[Symbol.asyncIterator]().next()).rejects.toMatchObject({ code: 'target_rejected' })
  })

  test('more than was asked for is not believed, and never removed', async () => {
    const removed: string[] = []
    const listing = '<ListBucketResult><IsTruncated>false</IsTruncated><Contents><Key>other/a</Key><Size>1</Size></Contents></ListBucketResult>'
    const target = await onServer((request, response) => {
      if (request.method === 'DELETE' || request.method === 'POST') removed.push(request.url ?? '')
      response.end(request.url?.includes('uploads') === true ? '<ListMultipartUploadsResult/>' : listing)
    })
    await expect(target.removeTree('run')).rejects.toMatchObject({ code: 'target_rejected' })
    expect(removed).toEqual([])
  })

  test('a listing that never goes on is given up', async () => {
    const endless = '<ListBucketResult><IsTruncated>true</IsTruncated><NextContinuationToken>x</NextContinuationToken></ListBucketResult>'
    const target = await onServer((_, response) => response.end(endless))
    await expect(target.list('')[Symbol.asyncIterator]().next()).rejects.toMatchObject({ code: 'target_rejected' })
  })
})

test('an error without an end is read to its beginning only', async () => {
  const target = await onServer((request, response) => {
    request.resume()
    response.writeHead(500)
    if (request.method === 'HEAD') return response.end()
    const more = () => {
      while (!response.writableEnded && response.write(Buffer.alloc(65_536, 'x')));
    }
    response.on('drain', more)
    more()
  })
  await expect(target.stat('object')).rejects.toMatchObject({ code: 'target_unreachable' })
  await expect(target.put('object', Buffer.alloc(10))).rejects.toMatchObject({ code: 'target_unreachable' })
})

test.each([1, 2])('a server whose clock is another is believed, from the request after number %i on', async (skewed) => {
  const aheadMs = 3 * 3_600_000
  const ahead: number[] = []
  const target = await onServer(
    (request, response) => {
      const [, date, time] = /^(\d{8})T(\d{6})Z$/.exec(String(request.headers['x-amz-date']))!
      const iso = `${date!.replace(/(....)(..)(..)/, '$1-$2-$3')}T${time!.replace(/(..)(..)(..)/, '$1:$2:$3')}Z`
      ahead.push(Math.floor((Date.parse(iso) + 60_000 - Date.now()) / 3_600_000))
      request.resume().on('end', () => {
        if (ahead.length < skewed) return response.writeHead(200, { etag: '"x"' }).end()
        response.writeHead(403, { date: new Date(Date.now() + aheadMs).toUTCString() }).end('<Error><Code>RequestTimeTooSkewed</Code></Error>')
      })
    },
    { clock: { now: () => Date.now() } },
  )
  for (const name of ['a', 'b', 'c']) await target.put(name, Buffer.alloc(1)).catch(() => {})
  expect(ahead).toEqual(skewed === 1 ? [0, 3, 3] : [0, 0, 3])
})

test('a server that does not say that it has stored an object may be asked again, one that is none not', async () => {
  const puts: boolean[] = []
  const target = await onServer((request, response) => {
    const isS3 = request.url?.includes('numbered') === true
    puts.push(isS3)
    request.resume().on('end', () => response.writeHead(200, isS3 ? { 'x-amz-request-id': '1' } : {}).end())
  })
  // The first is the SDK's.
  for (const name of ['first', 'second']) {
    await expect(target.put(`numbered/${name}`, Buffer.alloc(1))).rejects.toMatchObject({
      code: 'target_unreachable',
      details: { unconfirmed: true },
    })
    await expect(target.put(name, Buffer.alloc(1))).rejects.toMatchObject({ code: 'target_rejected' })
  }
  expect(puts).toEqual([true, false, true, false])
})

test('a bucket that wants a signature of its own is left to the SDK', async () => {
  const agents: string[] = []
  const target = await onServer(
    (request, response) => {
      agents.push(String(request.headers['user-agent']))
      const session =
        '<CreateSessionResult><Credentials><SessionToken>t</SessionToken><SecretAccessKey>s</SecretAccessKey><AccessKeyId>a</AccessKeyId><Expiration>2099-01-01T00:00:00Z</Expiration></Credentials></CreateSessionResult>'
      request.resume().on('end', () => response.writeHead(200, { etag: '"x"' }).end(request.url?.includes('session') === true ? session : ''))
    },
    { bucket: 'bucket--use1-az4--x-s3' },
  )
  for (const name of ['first', 'second']) await target.put(name, Buffer.alloc(1))
  expect(agents).toHaveLength(3)
  for (const agent of agents) expect(agent).toContain('aws-sdk')
})

describe('a connection', () => {
  test('that is refused is told so', async () => {
    const target = await onServer(() => {})
    await open.splice(0)[0]![Symbol.asyncDispose]()
    await expect(target.stat('object')).rejects.toMatchObject({
      code: 'target_unreachable',
      message: expect.stringContaining('ECONNREFUSED') as string,
    })
  })

  test('to a host nobody knows is told so', async () => {
    await expect(s3('http://no-such-host.invalid').stat('object')).rejects.toMatchObject({ code: 'target_unreachable' })
  })

  test('that breaks off is told so', async () => {
    const target = await onServer((request) => request.socket.destroy())
    for (const name of ['first', 'second']) await expect(target.put(name, Buffer.alloc(10))).rejects.toMatchObject({ code: 'target_unreachable' })
  })

  test('to a server nobody vouches for is not used', async () => {
    let asked = 0
    const target = await onServer(() => asked++, { tls: await selfSigned() })
    await expect(target.put('object', Buffer.alloc(10))).rejects.toMatchObject({
      code: 'target_auth',
      retryable: false,
      message: expect.stringContaining('DEPTH_ZERO_SELF_SIGNED_CERT') as string,
    })
    expect(asked).toBe(0)
  })

  test('to a server whose CA is given is used', async () => {
    const tls = await selfSigned()
    const target = await onServer((request, response) => void request.resume().on('end', () => response.writeHead(200, { etag: '"x"' }).end()), {
      tls,
      caCertificate: tls.cert,
    })
    for (const name of ['first', 'second']) await expect(target.put(name, Buffer.alloc(10))).resolves.toEqual({ sizeBytes: 10 })
  })

  test('with TLS to a server without is told so', async () => {
    const target = await onServer((_, response) => response.end())
    const url = target.label.split('endpoint=')[1]!
    const secure = s3(url.replace('http:', 'https:'))
    await expect(secure.stat('object')).rejects.toMatchObject({ code: 'target_rejected', hint: expect.stringContaining('https') as string })
    await secure.close()
  })
})

test('a stream of unknown length is held in a few pieces only, some of them on their way at once', async () => {
  const pieceBytes = 8 * mebibyte
  const chunk = Buffer.alloc(mebibyte, 1)
  const chunks = scale(600, 6000)
  let yieldedBytes = 0
  let answeredBytes = 0
  let mostHeldBytes = 0
  let inFlight = 0
  let mostInFlight = 0
  let storedBytes = 0
  let marker: string | undefined
  const target = await onServer((request, response) => {
    const { method, url = '', headers } = request
    let receivedBytes = 0
    if (url.includes('partNumber=')) mostInFlight = Math.max(mostInFlight, ++inFlight)
    request.on('data', (data: Buffer) => (receivedBytes += data.length))
    request.on('end', () => {
      if (url.includes('partNumber=')) {
        // Slower than the body comes: what is not held back piles up.
        setTimeout(() => {
          inFlight--
          answeredBytes += receivedBytes
          response.writeHead(200, { etag: '"x"' }).end()
        }, 10)
      } else if (method === 'HEAD') {
        response.writeHead(200, { 'content-length': answeredBytes, ...(marker !== undefined && { 'x-amz-meta-bastion-upload': marker }) }).end()
      } else if (url.includes('uploads')) {
        marker = headers['x-amz-meta-bastion-upload'] as string
        response.end('<InitiateMultipartUploadResult><UploadId>u</UploadId></InitiateMultipartUploadResult>')
      } else {
        storedBytes = answeredBytes
        response.end('<CompleteMultipartUploadResult><ETag>"x"</ETag></CompleteMultipartUploadResult>')
      }
    })
  })
  async function* body(): AsyncGenerator<Uint8Array> {
    for (let i = 0; i < chunks; i++) {
      yieldedBytes += chunk.length
      mostHeldBytes = Math.max(mostHeldBytes, yieldedBytes - answeredBytes)
      yield chunk
    }
  }
  await expect(target.put('object', body())).resolves.toEqual({ sizeBytes: chunks * mebibyte })
  expect(storedBytes).toBe(chunks * mebibyte)
  // Four on their way, one filled, and the chunk that came after it.
  expect(mostHeldBytes).toBeLessThanOrEqual(5 * pieceBytes + chunk.length)
  expect(mostInFlight).toBe(4)
})

test('many streams at once share 128 MiB, whatever each of them could use', async () => {
  const chunk = Buffer.alloc(mebibyte, 1)
  let yieldedBytes = 0
  let answeredBytes = 0
  let mostHeldBytes = 0
  const target = await onServer((request, response) => {
    const { method, url = '' } = request
    let receivedBytes = 0
    request.on('data', (data: Buffer) => (receivedBytes += data.length))
    request.on('end', () => {
      if (url.includes('partNumber=')) {
        setTimeout(() => {
          answeredBytes += receivedBytes
          response.writeHead(200, { etag: '"x"' }).end()
        }, 10)
      } else if (method === 'HEAD') response.writeHead(200, { 'content-length': 40 * mebibyte }).end()
      else if (url.includes('uploads')) response.end('<InitiateMultipartUploadResult><UploadId>u</UploadId></InitiateMultipartUploadResult>')
      else response.end('<CompleteMultipartUploadResult><ETag>"x"</ETag></CompleteMultipartUploadResult>')
    })
  })
  const streams = 12
  async function* body(): AsyncGenerator<Uint8Array> {
    for (let i = 0; i < 40; i++) {
      yieldedBytes += chunk.length
      mostHeldBytes = Math.max(mostHeldBytes, yieldedBytes - answeredBytes)
      yield chunk
    }
  }
  await Promise.all(Array.from({ length: streams }, (_, i) => target.put(`object-${i}`, body())))
  expect(mostHeldBytes).toBeLessThanOrEqual(128 * mebibyte + streams * chunk.length)
})
