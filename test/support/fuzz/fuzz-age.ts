import { ageHeadSize, openAgeHeader } from '../../../src/engine/crypto/age-header.ts'
import { openSealedRange } from '../../../src/engine/crypto/sealed-range.ts'
import { openAgeRange } from '../../../src/engine/crypto/age-range-reader.ts'
import { ageChunkBytes, decryptAge } from '../../../src/engine/crypto/age-stream.ts'
import { collect, drain, inPieces } from '../age-samples.ts'
import { ageVersionLine, forgeAge, forgeAgeHeader, forgedIdentity, forgedStanza } from './forge-age.ts'
import { broken, type CaseOutcome, type FuzzReader, hostileRangeReader, outcomeOf, refusalCode, statelessReader } from './fuzz-reader.ts'
import { mutateBytes } from './mutate-bytes.ts'
import type { Random } from './random.ts'

const otherStanzas = [
  '-> X25519 TEiF0ypqr+bpvcqXNyCVJpL7OuwPdVwPL7KQEbFDOCc\nEmECAEcKN+n/Vs9SbWiV+Hu0r+E8R77DdWYyd83nw7U\n',
  '-> scrypt bBjlhJVYZeE4aqUdmtRHfw 15\nZV/AhotwSGqaPCU43cepl4WYUouAa17a3xpu4G2yi5k\n',
  '-> grease\n\n',
  `-> ssh-ed25519 ${'a '.repeat(40)}b\n${'A'.repeat(64)}\n${'A'.repeat(64)}\n\n`,
  '-> X25519\n\n',
  '-> X25519 AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\nAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\n',
  '->\n\n',
]
const tokens = [
  '\n',
  '-> ',
  '--- ',
  '---',
  ' ',
  '=',
  '\r\n',
  'A',
  '\x80',
  '\0',
  'X25519',
  'v2',
  '-----BEGIN AGE ENCRYPTED FILE-----\n',
  'A'.repeat(64),
]

/** The header of an encrypted object: any text, half of it under a MAC that is right. */
export function openAgeHeaderReader(): FuzzReader {
  return statelessReader(async (random) => {
    const head = aHeader(random)
    return outcomeOf(() => {
      const size = ageHeadSize(head)
      const { payloadOffset } = openAgeHeader(head, [forgedIdentity])
      if (payloadOffset > head.length || payloadOffset !== size) throw broken('the payload begins behind the header', [payloadOffset, size])
    })
  })
}

function aHeader(random: Random): Buffer {
  const stanzas = Array.from({ length: random.pick([0, 1, 2, 63, 64]) }, () => random.pick(otherStanzas))
  if (random.chance(0.9)) stanzas.splice(random.below(stanzas.length + 1), 0, forgedStanza)
  const text = (random.chance(0.95) ? ageVersionLine : random.pick(['', 'age-encryption.org/v2\n', 'age-encryption.org/\n'])) + stanzas.join('')
  const mutated = random.chance(0.5) ? mutateBytes(Buffer.from(text, 'latin1'), random, { tokens, most: 2 }).toString('latin1') : text
  const head = forgeAgeHeader(random.chance(0.02) ? `${mutated}-> x ${'y'.repeat(70_000)}\n\n` : mutated)
  return random.chance(0.5) ? head : mutateBytes(head, random, { tokens, most: 2 })
}

/** Encrypted objects read as a stream and at any place: nothing that was not encrypted may come out. */
export function openAgePayloadReader(): FuzzReader {
  const chunk = ageChunkBytes
  const files = [0, 1, 1000, chunk - 1, chunk, chunk + 1, 2 * chunk, 2 * chunk + 5].map((sizeBytes) => {
    const plaintext = Buffer.alloc(sizeBytes, 'The quick brown fox. ')
    return { plaintext, sealed: forgeAge(plaintext) }
  })
  return statelessReader(async (random) => {
    const { plaintext, sealed } = random.pick(files)
    const isWhole = random.chance(0.05)
    const stored = isWhole ? sealed : mutatePayload(sealed, random)
    const streamed = await readStream(stored, plaintext, random)
    const claimed = random.chance(0.9) ? stored.length : stored.length + random.pick([1, 16, 2 ** 32, 2 ** 50])
    const ranged = await outcomeOf(() => readRanges(stored, claimed, plaintext, random))
    if (isWhole && (streamed !== 'read' || (claimed === stored.length && ranged !== 'read')))
      throw broken('what is whole is read', [streamed, ranged])
    return streamed === 'read' ? ranged : streamed
  })
}

function mutatePayload(sealed: Buffer, random: Random): Buffer {
  const sealedChunk = ageChunkBytes + 16
  const headerBytes = forgeAgeHeader().length
  // Whole chunks out of place are the ones only the nonce can tell.
  if (random.chance(0.3) && sealed.length > headerBytes + sealedChunk) {
    const chunks: Buffer[] = []
    for (let at = headerBytes; at < sealed.length; at += sealedChunk) chunks.push(sealed.subarray(at, at + sealedChunk))
    const action = random.below(3)
    if (action === 0) chunks.reverse()
    else if (action === 1) chunks.splice(random.below(chunks.length), 1)
    else chunks.push(random.pick(chunks))
    return Buffer.concat([sealed.subarray(0, headerBytes), ...chunks])
  }
  return mutateBytes(sealed, random, { tokens })
}

async function readStream(stored: Buffer, plaintext: Buffer, random: Random): Promise<CaseOutcome> {
  const { bytes, error } = await drain(decryptAge(inPieces(stored, 1 + random.below(random.pick([200, 100_000]))), [forgedIdentity]))
  if (!plaintext.subarray(0, bytes.length).equals(bytes)) throw broken('only what was encrypted comes out of a stream')
  if (error !== undefined) return refusalCode(error)
  if (bytes.length !== plaintext.length) throw broken('a stream that ends well is whole', [bytes.length, plaintext.length])
  return 'read'
}

async function readRanges(stored: Buffer, claimedBytes: number, plaintext: Buffer, random: Random): Promise<void> {
  const reader = await openAgeRange(hostileRangeReader(stored, claimedBytes), [forgedIdentity])
  for (let reads = 0; reads < 3; reads += 1) {
    const offset = random.below(Math.min(reader.sizeBytes, plaintext.length) + 1)
    const length = random.below(Math.min(reader.sizeBytes - offset, 100_000) + 1)
    const bytes = await reader.read(offset, length)
    if (bytes.length !== length || !plaintext.subarray(offset, offset + length).equals(bytes))
      throw broken('only what was encrypted is read', [offset, length])
    const sealed = await reader.readSealed(offset, length)
    if (Buffer.compare(openSealedRange(reader.payloadKey, sealed.bytes, sealed.range), bytes) !== 0)
      throw broken('a range is the same wherever it is opened', [offset, length])
  }
  const rest = random.below(plaintext.length + 1)
  const bytes = await collect(reader.stream(Math.min(rest, reader.sizeBytes)))
  if (!plaintext.subarray(Math.min(rest, reader.sizeBytes)).equals(bytes)) throw broken('a stream from anywhere is whole or refused', rest)
}
