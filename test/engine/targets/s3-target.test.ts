import { HeadObjectCommand, ListMultipartUploadsCommand, ListObjectsV2Command, PutObjectCommand, type S3Client } from '@aws-sdk/client-s3'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { BastionError } from '../../../src/core/errors.ts'
import { createRetries, type RetryingOptions } from '../../../src/engine/targets/retries.ts'
import { createRetryingTarget } from '../../../src/engine/targets/retrying-target.ts'
import { createS3Target, type S3TargetOptions } from '../../../src/engine/targets/s3/s3-target.ts'
import type { ObjectEntry, Target } from '../../../src/engine/targets/target.ts'
import { misbehavingProxy, type Misbehaviour, type MisbehavingProxy, type SeenRequest } from '../../support/servers/misbehaving-proxy.ts'
import { newBucket, radosgw, s3Client, type S3Server, whyNoRadosgw } from '../../support/servers/radosgw.ts'

const mebibyte = 1024 * 1024
const clock = { now: () => Date.now() }
const patientTimeouts = { connectMs: 5_000, answerMs: 30_000, minBytesPerSecond: 1024 }
const reason = await whyNoRadosgw()

/** 20 MiB: three pieces. */
const large = Buffer.from(Array.from({ length: mebibyte }, (_, i) => (i * 7919) >>> 3))
const largeBytes = 20 * mebibyte
async function* largeBody(chunks = 20, onChunk?: (number: number) => void): AsyncGenerator<Uint8Array> {
  for (let i = 0; i < chunks; i++) {
    onChunk?.(i)
    yield large
  }
}

async function listed(entries: AsyncIterable<ObjectEntry>): Promise<string[]> {
  const keys: string[] = []
  for await (const { key } of entries) keys.push(key)
  return keys.toSorted()
}

async function readAll(chunks: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const all: Uint8Array[] = []
  for await (const chunk of chunks) all.push(chunk)
  return Buffer.concat(all)
}

describe.skipIf(reason !== undefined)('an s3 target on a real server', () => {
  let server: S3Server
  let outside: S3Client
  let bucket: string
  const open: (AsyncDisposable | Target)[] = []

  beforeAll(async () => {
    server = await radosgw()
    outside = s3Client(server)
    bucket = await newBucket(server)
  })
  afterAll(async () => {
    for (const each of open) await ('close' in each ? each.close() : each[Symbol.asyncDispose]())
    outside?.destroy()
  })

  function target(options: Partial<S3TargetOptions> = {}): Target {
    const opened = createS3Target({ ...server, bucket, prefix: 'place', clock, timeouts: patientTimeouts, ...options })
    open.push(opened)
    return opened
  }

  /** The same behind a proxy, in a bucket of its own. */
  async function behind(
    decide: (request: SeenRequest) => Misbehaviour | undefined,
    options: Partial<S3TargetOptions> = {},
  ): Promise<{ target: Target; proxy: MisbehavingProxy; bucket: string }> {
    const proxy = await misbehavingProxy(server.endpoint, decide)
    open.push(proxy)
    const ownBucket = await newBucket(server)
    return { target: target({ endpoint: proxy.endpoint, bucket: ownBucket, ...options }), proxy, bucket: ownBucket }
  }

  async function unfinishedUploads(ownBucket: string): Promise<string[]> {
    const { Uploads = [] } = await outside.send(new ListMultipartUploadsCommand({ Bucket: ownBucket }))
    return Uploads.map(({ Key }) => Key ?? '')
  }

  async function names(ownBucket: string): Promise<string[]> {
    const { Contents = [] } = await outside.send(new ListObjectsV2Command({ Bucket: ownBucket }))
    return Contents.map(({ Key }) => Key ?? '')
  }

  /** Retries that wait for nothing, and what they would have waited. */
  function patient(sleeps: number[] = []): RetryingOptions {
    return {
      policy: { attempts: 4, firstDelayMs: 1, maxDelayMs: 1, giveUpAfterMs: 60_000 },
      clock,
      random: () => 1,
      sleep: async (ms) => void sleeps.push(ms),
    }
  }

  /** Once, where a request matches. */
  function once(matches: (request: SeenRequest) => boolean, does: Misbehaviour): (request: SeenRequest) => Misbehaviour | undefined {
    let left = 1
    return (request) => (matches(request) && left-- > 0 ? does : undefined)
  }

  const isPiece = (number: number) => (request: SeenRequest) => request.method === 'PUT' && request.url.includes(`partNumber=${number}&`)
  const isComplete = ({ method, url }: SeenRequest) => method === 'POST' && url.includes('uploadId=')
  const isDiscard = ({ method, url }: SeenRequest) => method === 'DELETE' && url.includes('uploadId=')
  const isGet = ({ method, url }: SeenRequest) => method === 'GET' && !url.includes('list-type')
  const slowDown = '<Error><Code>SlowDown</Code><Message>Please reduce your request rate.</Message></Error>'

  describe('opened with', () => {
    const everyMethod: [string, (opened: Target) => Promise<unknown>][] = [
      ['get', (opened) => opened.get('a')],
      ['stat', (opened) => opened.stat('a')],
      ['list', (opened) => opened.list('')[Symbol.asyncIterator]().next() as Promise<unknown>],
      ['put', (opened) => opened.put('a', large.subarray(0, 10))],
      ['put of a stream', (opened) => opened.put('a', largeBody())],
      ['remove', (opened) => opened.remove('a')],
      ['removeTree', (opened) => opened.removeTree('a')],
    ]

    test.each(everyMethod)('a wrong secret says so and tells no secret: %s', async (_, ask) => {
      const credentials = { accessKeyId: server.credentials.accessKeyId, secretAccessKey: 'hunter2hunter2' }
      const error = await ask(target({ credentials })).then(
        () => undefined,
        (thrown: unknown) => thrown,
      )
      expect(error).toMatchObject({ code: 'target_auth', message: expect.stringContaining('SignatureDoesNotMatch') as string })
      expect(JSON.stringify([error, String(error), (error as Error).cause])).not.toContain('hunter2')
    })

    test('an unknown access key says so', async () => {
      const opened = target({ credentials: { accessKeyId: 'nobody', secretAccessKey: 'x' } })
      await expect(opened.stat('a')).rejects.toMatchObject({ code: 'target_auth', message: expect.stringContaining('InvalidAccessKeyId') as string })
    })

    test.each(everyMethod)('a bucket that does not exist never answers that something is absent: %s', async (_, ask) => {
      await expect(ask(target({ bucket: 'no-such-bucket' }))).rejects.toMatchObject({
        code: 'target_identity',
        hint: expect.stringContaining('Create the bucket') as string,
      })
    })
  })

  test('stores below its prefix in the bucket, under the very name', async () => {
    await target().put('job/ä b+c%2F\u0001', Buffer.from('x'))
    await expect(outside.send(new HeadObjectCommand({ Bucket: bucket, Key: 'place/job/ä b+c%2F\u0001' }))).resolves.toMatchObject({
      ContentLength: 1,
    })
  })

  test('sees nothing beside its prefix', async () => {
    const ownBucket = await newBucket(server)
    for (const Key of ['places/a', 'place', 'a', 'place/b']) await outside.send(new PutObjectCommand({ Bucket: ownBucket, Key, Body: 'x' }))
    expect(await listed(target({ bucket: ownBucket }).list('', { recursive: true }))).toEqual(['b'])
  })

  test('uses its connections again', async () => {
    const { target: opened, proxy } = await behind(() => undefined)
    for (let i = 0; i < 10; i++) await opened.put(`object-${i}`, Buffer.from('x'))
    await readAll(await opened.get('object-1'))
    // One of the SDK, and two that small objects take in turns.
    expect(proxy.connections).toBeLessThanOrEqual(3)
  })

  describe('a large put', () => {
    test('arrives in pieces and is read again, whole and in ranges', async () => {
      const { target: opened, proxy } = await behind(() => undefined)
      await expect(opened.put('object', largeBody())).resolves.toEqual({ sizeBytes: largeBytes })
      expect(proxy.requests.filter(({ url }) => url.includes('partNumber=')).length).toBe(3)
      const got = await readAll(await opened.get('object'))
      expect(got.length).toBe(largeBytes)
      expect(got.subarray(-mebibyte).equals(large)).toBe(true)
      const range = await readAll(await opened.get('object', { range: { offset: 8 * mebibyte - 1, length: 3 * mebibyte } }))
      expect(range.equals(got.subarray(8 * mebibyte - 1, 11 * mebibyte - 1))).toBe(true)
    })

    test('of bytes in memory needs no copy of them and arrives too', async () => {
      const opened = target()
      const body = Buffer.concat(Array<Buffer>(20).fill(large))
      await opened.put('bytes', body)
      expect((await readAll(await opened.get('bytes'))).equals(body)).toBe(true)
    })

    test('whose body fails leaves no object and no upload', async () => {
      const { target: opened, bucket: ownBucket } = await behind(() => undefined)
      const failure = new Error('the source broke')
      const body = largeBody(20, (number) => {
        if (number === 18) throw failure
      })
      await expect(opened.put('object', body)).rejects.toBe(failure)
      expect(await unfinishedUploads(ownBucket)).toEqual([])
      expect(await names(ownBucket)).toEqual([])
    })

    test('that is aborted leaves no object and no upload', async () => {
      const { target: opened, bucket: ownBucket } = await behind(() => undefined)
      const aborting = new AbortController()
      const body = largeBody(20, (number) => number === 18 && aborting.abort())
      await expect(opened.put('object', body, { signal: aborting.signal })).rejects.toMatchObject({ code: 'canceled' })
      expect(await unfinishedUploads(ownBucket)).toEqual([])
      expect(await names(ownBucket)).toEqual([])
    })

    test('that fails at one piece ends at once, though its body stalls, and leaves no upload', async () => {
      const { target: opened, bucket: ownBucket } = await behind((request) => (isPiece(2)(request) ? { answer: { status: 500 } } : undefined))
      const never = new Promise<void>(() => {})
      async function* stalling(): AsyncGenerator<Uint8Array> {
        yield* largeBody(17)
        await never
      }
      await expect(opened.put('object', stalling())).rejects.toMatchObject({ code: 'target_unreachable', details: { status: 500 } })
      expect(await unfinishedUploads(ownBucket)).toEqual([])
    })

    test('sends a piece again that the server was too busy for, after the time it asked for', async () => {
      const sleeps: number[] = []
      const does = { answer: { status: 503, headers: { 'retry-after': '7' }, body: slowDown } }
      const { target: opened } = await behind(once(isPiece(2), does), { retries: createRetries(patient(sleeps)) })
      await opened.put('object', largeBody())
      expect(sleeps).toEqual([7000])
      expect((await readAll(await opened.get('object'))).length).toBe(largeBytes)
    })

    test('sends a piece again that came damaged', async () => {
      const { target: opened } = await behind(once(isPiece(1), { flip: true }), { retries: createRetries(patient()) })
      await opened.put('object', largeBody())
      const got = await readAll(await opened.get('object'))
      for (let i = 0; i < 20; i++) expect(got.subarray(i * mebibyte, (i + 1) * mebibyte).equals(large)).toBe(true)
    })

    test('whose last answer is lost was stored, and is told as stored', async () => {
      const { target: opened, bucket: ownBucket } = await behind(once(isComplete, { loseAnswer: true }))
      await expect(opened.put('object', largeBody())).resolves.toEqual({ sizeBytes: largeBytes })
      expect(await names(ownBucket)).toEqual(['place/object'])
      expect(await unfinishedUploads(ownBucket)).toEqual([])
    })

    test('that the server only says it stored is not believed', async () => {
      const lie = { answer: { status: 200, body: '<CompleteMultipartUploadResult><ETag>"x"</ETag></CompleteMultipartUploadResult>' } }
      const { target: opened, bucket: ownBucket } = await behind(once(isComplete, lie))
      await expect(opened.put('object', largeBody())).rejects.toMatchObject({ code: 'target_rejected' })
      expect(await names(ownBucket)).toEqual([])
      expect(await unfinishedUploads(ownBucket)).toEqual([])
    })

    test('that the server stored shorter is not believed', async () => {
      const { target: opened } = await behind(({ method }) =>
        method === 'HEAD' ? { answer: { status: 200, headers: { 'content-length': '5' } } } : undefined,
      )
      await expect(opened.put('object', largeBody())).rejects.toMatchObject({
        code: 'target_rejected',
        message: expect.stringContaining('5 bytes') as string,
      })
    })

    test('whose upload cannot be discarded tells of it, and removeTree discards it', async () => {
      const told: string[] = []
      const { target: opened, bucket: ownBucket } = await behind(once(isDiscard, { answer: { status: 500 } }), {
        onLeftover: (text) => told.push(text),
      })
      const aborting = new AbortController()
      const body = largeBody(20, (number) => number === 18 && aborting.abort())
      await expect(opened.put('job/run/object', body, { signal: aborting.signal })).rejects.toMatchObject({ code: 'canceled' })
      expect(told).toEqual([expect.stringContaining('"job/run/object"')])
      expect(await unfinishedUploads(ownBucket)).toEqual(['place/job/run/object'])
      await opened.removeTree('job/ru')
      expect(await unfinishedUploads(ownBucket)).toEqual(['place/job/run/object'])
      await opened.removeTree('job/run')
      expect(await unfinishedUploads(ownBucket)).toEqual([])
    })
  })

  describe('a put only where nothing is', () => {
    test('of many at once is won by exactly one', async () => {
      const opened = target()
      const puts = Array.from({ length: 8 }, (_, i) => opened.put('claimed', Buffer.alloc(1000, i), { ifAbsent: true }))
      const outcomes = await Promise.allSettled(puts)
      expect(outcomes.filter(({ status }) => status === 'fulfilled').length).toBe(1)
      for (const outcome of outcomes) if (outcome.status === 'rejected') expect(outcome.reason).toMatchObject({ details: { exists: true } })
    })

    test('of a large body leaves what is there, and no upload', async () => {
      const { target: opened, bucket: ownBucket } = await behind(() => undefined)
      await opened.put('object', Buffer.from('old'))
      await expect(opened.put('object', largeBody(), { ifAbsent: true })).rejects.toMatchObject({ details: { exists: true } })
      expect((await readAll(await opened.get('object'))).toString()).toBe('old')
      expect(await unfinishedUploads(ownBucket)).toEqual([])
    })

    test('whose answer is lost knows its own object when it tries again', async () => {
      const lost = once(({ method }) => method === 'PUT', { loseAnswer: true })
      const { target: opened } = await behind(lost, { retries: createRetries(patient()) })
      async function* body(): AsyncGenerator<Uint8Array> {
        yield Buffer.from('mine')
      }
      await expect(opened.put('object', body(), { ifAbsent: true })).resolves.toEqual({ sizeBytes: 4 })
    })

    test('works where the server knows no such condition', async () => {
      const { target: opened } = await behind(({ headers }) =>
        headers['if-none-match'] === undefined ? undefined : { answer: { status: 501, body: '<Error><Code>NotImplemented</Code></Error>' } },
      )
      await opened.put('object', Buffer.from('first'), { ifAbsent: true })
      await expect(opened.put('object', Buffer.from('second'), { ifAbsent: true })).rejects.toMatchObject({ details: { exists: true } })
      await opened.put('large', largeBody(), { ifAbsent: true })
      expect((await opened.stat('large'))?.sizeBytes).toBe(largeBytes)
    })
  })

  test('a small put that came damaged is not stored, and may be tried again', async () => {
    const { target: opened, bucket: ownBucket } = await behind(once(({ method }) => method === 'PUT', { flip: true }))
    await expect(opened.put('object', large)).rejects.toMatchObject({ code: 'target_unreachable', retryable: true })
    expect(await names(ownBucket)).toEqual([])
  })

  describe('a get', () => {
    const bytes = Buffer.concat([large, large, large])

    async function stored(decide: (request: SeenRequest) => Misbehaviour | undefined, options: Partial<S3TargetOptions> = {}) {
      const place = await behind(decide, options)
      await place.target.put('object', bytes)
      return place
    }

    test.each([
      ['in its first piece', 1, 1000],
      ['in its rest', 2, mebibyte],
      ['before its first byte', 1, 0],
    ])('whose answer breaks off %s is told so, and goes on when it is tried again', async (_, number, cutAfterBytes) => {
      let gets = 0
      const decide = (request: SeenRequest) => (isGet(request) && ++gets === number ? { cutAfterBytes } : undefined)
      const { target: opened } = await stored(decide)
      const reading = opened.get('object').then(readAll)
      await expect(reading).rejects.toMatchObject({ code: 'target_unreachable' })
      gets = 0
      expect((await readAll(await createRetryingTarget(opened, patient()).get('object'))).equals(bytes)).toBe(true)
    })

    test.each([
      ['another range than was asked for', { 'content-range': `bytes 1-${mebibyte}/${bytes.length}` }],
      ['another length than its range', { 'content-range': `bytes 0-${mebibyte - 2}/${bytes.length}` }],
      ['a range nobody can read', { 'content-range': 'bytes */*' }],
    ])('that is answered with %s is refused', async (_, headers) => {
      const { target: opened } = await stored((request) => (isGet(request) ? { headers } : undefined))
      await expect(opened.get('object')).rejects.toMatchObject({ code: 'target_rejected' })
    })

    test('of a range from a server that ignores ranges is refused', async () => {
      const { target: opened } = await stored((request) =>
        isGet(request) ? { answer: { status: 200, headers: { 'content-length': '5' }, body: 'whole' } } : undefined,
      )
      await expect(opened.get('object', { range: { offset: 1, length: 2 } })).rejects.toMatchObject({ code: 'target_rejected' })
    })

    test('of an object that is replaced meanwhile is told so', async () => {
      const { target: opened } = await stored(() => undefined)
      const chunks = await opened.get('object')
      await opened.put('object', Buffer.concat([large, large, Buffer.alloc(mebibyte)]))
      await expect(readAll(chunks)).rejects.toMatchObject({ code: 'target_rejected', message: expect.stringContaining('changed') as string })
    })

    test('holds no connection for a reader that does not come', async () => {
      const { target: opened, proxy } = await stored(() => undefined)
      for (let i = 0; i < 5; i++) await opened.get('object')
      // One of the SDK, and two that small objects take in turns.
      expect(proxy.connections).toBeLessThanOrEqual(3)
    })
  })

  describe('a server that stalls', () => {
    const timeouts = { connectMs: 1000, answerMs: 300, minBytesPerSecond: 1024 * mebibyte }

    test('before it answers is given up', async () => {
      const { target: opened } = await behind(() => ({ stall: true }), { timeouts })
      await expect(opened.put('object', large)).rejects.toMatchObject({ code: 'target_timeout', retryable: true })
      await expect(opened.stat('object')).rejects.toMatchObject({ code: 'target_timeout' })
    })

    test('in the middle of a body is given up', async () => {
      const { target: opened } = await behind((request) => (isGet(request) ? { stallAfterBytes: 1000 } : undefined), { timeouts })
      await opened.put('object', large)
      await expect(opened.get('object')).rejects.toMatchObject({ code: 'target_timeout' })
    })

    test('does not keep an abort waiting', async () => {
      const aborting = new AbortController()
      const { target: opened } = await behind((request) => {
        if (request.method !== 'PUT') return undefined
        aborting.abort()
        return { stall: true }
      })
      await expect(opened.put('object', large, { signal: aborting.signal })).rejects.toMatchObject({ code: 'canceled' })
    })
  })

  describe('names', () => {
    test('beyond one page are listed once and removed, and nothing beside them', async () => {
      const ownBucket = await newBucket(server)
      const opened = target({ bucket: ownBucket })
      const keys = Array.from({ length: 1100 }, (_, i) => `run/${i % 7}/${i}`)
      for (let at = 0; at < keys.length; at += 50) await Promise.all(keys.slice(at, at + 50).map((key) => opened.put(key, Buffer.from('x'))))
      await opened.put('run2/a', Buffer.from('x'))
      expect(await listed(opened.list('run', { recursive: true }))).toEqual(keys.toSorted())
      expect(await opened.removeTree('run')).toEqual({ objects: keys.length })
      expect(await names(ownBucket)).toEqual(['place/run2/a'])
    })

    test('that XML cannot hold, and those of no key, go with their directory', async () => {
      const ownBucket = await newBucket(server)
      const opened = target({ bucket: ownBucket })
      const odd = ['run/\u0001', 'run/a\rb', 'run/a\nb', 'run/&lt;', 'run/\u2028', 'run/ a ', 'run/\uffff']
      for (const key of odd) await opened.put(key, Buffer.from('x'))
      for (const Key of ['place/run/', 'place/run/a//b', 'place/run/../c'])
        await outside.send(new PutObjectCommand({ Bucket: ownBucket, Key, Body: 'x' }))
      expect(await listed(opened.list('run', { recursive: true }))).toEqual(odd.toSorted())
      expect(await opened.removeTree('run')).toEqual({ objects: odd.length + 3 })
      expect(await names(ownBucket)).toEqual([])
    })
  })

  describe('removeTree', () => {
    const isBatch = ({ method, url }: SeenRequest) => method === 'POST' && url.includes('delete')

    test.each([501, 405])('removes one by one where the server knows no batches (%i)', async (status) => {
      const { target: opened, bucket: ownBucket } = await behind((request) => (isBatch(request) ? { answer: { status } } : undefined))
      for (let i = 0; i < 20; i++) await opened.put(`run/${i}`, Buffer.from('x'))
      expect(await opened.removeTree('run')).toEqual({ objects: 20 })
      expect(await names(ownBucket)).toEqual([])
    })

    test('tells of a single object that the server does not let go', async () => {
      const refused = '<Error><Key>place/run/3</Key><Code>AccessDenied</Code></Error>'
      const { target: opened } = await behind((request) => {
        if (isBatch(request)) return { answer: { status: 200, body: `<DeleteResult>${refused}</DeleteResult>` } }
        const isKept = request.method === 'DELETE' && request.url.includes('/place/run/3')
        return isKept ? { answer: { status: 403, body: '<Error><Code>AccessDenied</Code></Error>' } } : undefined
      })
      for (let i = 0; i < 5; i++) await opened.put(`run/${i}`, Buffer.from('x'))
      await expect(opened.removeTree('run')).rejects.toMatchObject({ code: 'target_permission' })
    })

    test('does not believe a server that only says so', async () => {
      const { target: opened, bucket: ownBucket } = await behind((request) =>
        isBatch(request) ? { answer: { status: 200, body: '<DeleteResult><Deleted><Key>place/run/a</Key></Deleted></DeleteResult>' } } : undefined,
      )
      await opened.put('run/a', Buffer.from('x'))
      await expect(opened.removeTree('run')).rejects.toMatchObject({ code: 'target_rejected' })
      expect(await names(ownBucket)).toEqual(['place/run/a'])
    })
  })

  test("an abort's own reason is told, whatever was under way", async () => {
    const aborting = new AbortController()
    const why = new BastionError('interrupted', 'the process ends')
    const body = largeBody(20, (number) => number === 18 && aborting.abort(why))
    await expect(target().put('object', body, { signal: aborting.signal })).rejects.toBe(why)
  })
})

if (reason !== undefined) test('an s3 target on a real server', ({ skip }) => skip(reason))
