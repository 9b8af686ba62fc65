import fc from 'fast-check'
import { expect, test } from 'vitest'
import { type DavResource, MultiStatusError, readMultiStatus } from '../../../../src/engine/targets/webdav/multi-status.ts'
import { multistatus, resource } from '../../../support/servers/scripted-webdav.ts'

async function read(...chunks: Uint8Array[]): Promise<DavResource[]> {
  async function* body(): AsyncGenerator<Uint8Array> {
    yield* chunks
  }
  const resources: DavResource[] = []
  for await (const each of readMultiStatus(body())) resources.push(each)
  return resources
}

const document = Buffer.from(multistatus(resource('/ü/'), resource('/ü/日本&#38;🗄', 12)))
const meaning = [
  { href: '/ü/', isCollection: true },
  { href: '/ü/日本&🗄', isCollection: false, sizeBytes: 12 },
]

test('a multi-status answer means the same however it is cut into chunks', async () => {
  expect(await read(...Array.from(document, (_, i) => document.subarray(i, i + 1)))).toEqual(meaning)
  await fc.assert(
    fc.asyncProperty(fc.nat(document.length), fc.nat(document.length), async (a, b) => {
      const [first, second] = [Math.min(a, b), Math.max(a, b)]
      expect(await read(document.subarray(0, first), document.subarray(first, second), document.subarray(second))).toEqual(meaning)
    }),
  )
})

test('every part of a multi-status answer that is missing at its end is noticed', async () => {
  for (let length = 0; length < document.length; length++) {
    await expect(read(document.subarray(0, length)), `${length} bytes`).rejects.toBeInstanceOf(MultiStatusError)
  }
})

test('whatever comes instead of a multi-status answer is refused as such', async () => {
  const piece = fc.constantFrom(
    '<D:response>',
    '</D:response>',
    '<D:href>',
    '</D:href>',
    '/a',
    '<![CDATA[',
    ']]>',
    '<!--',
    '-->',
    '&#0;',
    '&#x110000;',
    '<',
    '>',
    'é',
    '<D:propstat/>',
  )
  await fc.assert(
    fc.asyncProperty(fc.array(piece, { maxLength: 12 }), async (pieces) => {
      try {
        for (const { href } of await read(Buffer.from(multistatus(...pieces)))) expect(href).toBeTypeOf('string')
      } catch (error) {
        expect(error).toBeInstanceOf(MultiStatusError)
      }
    }),
    { numRuns: 500 },
  )
})
