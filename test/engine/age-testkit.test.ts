/**
 * The C2SP testkit (npm package cctv-age), every vector of it: those of what we open must be opened or refused as they say, those of what we do
 * not open must be refused and give no byte.
 */
import { createHash } from 'node:crypto'
import { inflateSync } from 'node:zlib'
import * as testkit from 'cctv-age'
import { describe, expect, test } from 'vitest'
import type { ErrorCode } from '../../src/core/errors.ts'
import { BastionError } from '../../src/core/errors.ts'
import { openAgeRange } from '../../src/engine/crypto/age-range-reader.ts'
import { decryptAge } from '../../src/engine/crypto/age-stream.ts'
import { generateAgeKeyPair } from '../../src/lib/age-keys.ts'
import { bytesReader, collect, drain, inPieces } from '../support/age-samples.ts'

type Kind = 'x25519' | 'armor' | 'scrypt' | 'hybrid'

interface Vector {
  name: string
  kind: Kind
  expect: string
  payloadHash: string | undefined
  identities: string[]
  file: Buffer
}

const knownKeys = ['expect', 'payload', 'identity', 'passphrase', 'armored', 'compressed', 'file key', 'comment']
const vectors = Object.entries(testkit as unknown as Record<string, Uint8Array>).map(([name, bytes]) => parseVector(name, Buffer.from(bytes)))
const stranger = generateAgeKeyPair().identity

/** How many there are of each kind in cctv-age 0.2.0: a new version of it that brings others must be looked at. */
const kindCounts: Record<Kind, number> = { x25519: 67, armor: 33, scrypt: 25, hybrid: 18 }

function parseVector(name: string, bytes: Buffer): Vector {
  const headEnd = bytes.indexOf('\n\n')
  const fields = new Map<string, string[]>()
  for (const line of bytes.toString('utf8', 0, headEnd).split('\n')) {
    const colon = line.indexOf(': ')
    const key = line.slice(0, colon)
    if (!knownKeys.includes(key)) throw new Error(`vector ${name} has the unknown key ${key}`)
    fields.set(key, [...(fields.get(key) ?? []), line.slice(colon + 2)])
  }
  const file = bytes.subarray(headEnd + 2)
  const compression = fields.get('compressed')?.[0]
  if (compression !== undefined && compression !== 'zlib') throw new Error(`vector ${name} is compressed with ${compression}`)
  const identities = fields.get('identity') ?? []
  return {
    name,
    kind: kindOf(fields, identities),
    expect: fields.get('expect')?.[0] ?? '',
    payloadHash: fields.get('payload')?.[0],
    identities,
    file: compression === 'zlib' ? inflateSync(file) : file,
  }
}

function kindOf(fields: Map<string, string[]>, identities: string[]): Kind {
  if (fields.has('armored')) return 'armor'
  if (fields.has('passphrase')) return 'scrypt'
  if (identities.some((identity) => identity.startsWith('AGE-SECRET-KEY-PQ-'))) return 'hybrid'
  return 'x25519'
}

function ofKind(kind: Kind): Vector[] {
  return vectors.filter((vector) => vector.kind === kind)
}

function expectedCode(vector: Vector): ErrorCode {
  if (vector.name === 'version_unsupported') return 'unsupported'
  if (vector.expect === 'no match') return 'encryption_key_missing'
  if (['header failure', 'HMAC failure', 'payload failure'].includes(vector.expect)) return 'artifact_damaged'
  throw new Error(`vector ${vector.name} expects ${vector.expect}`)
}

function codeOf(error: Error | undefined): ErrorCode | undefined {
  if (error !== undefined && !(error instanceof BastionError)) throw error
  return error?.code
}

function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex')
}

/** The codes with which the whole, the pieces and the random access are refused, which must be one; and no byte may be given. */
async function refusal(file: Buffer, identities: string[]): Promise<ErrorCode | undefined> {
  const whole = await drain(decryptAge(inPieces(file), identities))
  const bytewise = await drain(decryptAge(inPieces(file, 1), identities))
  const ranged = await openAgeRange(bytesReader(file), identities).then(
    () => undefined,
    (error: unknown) => error as Error,
  )
  expect(whole.bytes).toHaveLength(0)
  expect(bytewise.bytes).toHaveLength(0)
  expect(codeOf(bytewise.error)).toBe(codeOf(whole.error))
  expect(codeOf(ranged)).toBe(codeOf(whole.error))
  return codeOf(whole.error)
}

test('every vector is of a kind we know, none is left out', () => {
  const counts = Object.fromEntries(Object.keys(kindCounts).map((kind) => [kind, ofKind(kind as Kind).length]))
  expect(counts).toEqual(kindCounts)
})

describe.each(ofKind('x25519'))('x25519, $name', (vector) => {
  const { file, identities } = vector

  function expectOutcome({ bytes, error }: { bytes: Buffer; error: Error | undefined }) {
    expect(codeOf(error)).toBe(vector.expect === 'success' ? undefined : expectedCode(vector))
    // What a payload gives before its failure is part of the vector; before the payload nothing may be given.
    expect(sha256(bytes)).toBe(vector.payloadHash ?? sha256(new Uint8Array(0)))
  }

  test('streamed whole', async () => {
    expectOutcome(await drain(decryptAge(inPieces(file), identities)))
  })

  test('streamed byte by byte', async () => {
    expectOutcome(await drain(decryptAge(inPieces(file, 1), identities)))
  })

  test('read at random', async () => {
    const read = (async () => {
      const reader = await openAgeRange(bytesReader(file), identities)
      const streamed = await collect(reader.stream(0))
      expect(streamed.equals(await reader.read(0, reader.sizeBytes))).toBe(true)
      return { bytes: streamed, reader }
    })()
    if (vector.expect === 'success') {
      const { bytes, reader } = await read
      expect(sha256(bytes)).toBe(vector.payloadHash)
      for (const offset of [0, Math.floor(bytes.length / 3), Math.max(0, bytes.length - 7)]) {
        expect(Buffer.from(await reader.read(offset, Math.min(7, bytes.length - offset)))).toEqual(bytes.subarray(offset, offset + 7))
      }
    } else {
      await expect(read).rejects.toMatchObject({ name: 'BastionError', code: expectedCode(vector) })
    }
  })
})

describe.each(ofKind('armor'))('armor is not supported, $name', ({ name, file, identities }) => {
  test('is refused', async () => {
    const ours = identities.filter((identity) => identity.startsWith('AGE-SECRET-KEY-1'))
    // What does not even begin as armor is not an age file at all.
    const notArmor = ['armor_garbage_leading', 'armor_lowercase', 'armor_whitespace_begin', 'armor_wrong_type'].includes(name)
    expect(await refusal(file, ours)).toBe(notArmor ? 'artifact_damaged' : 'unsupported')
  })
})

describe.each(ofKind('scrypt'))('scrypt (passphrase) is not supported, $name', ({ name, file, identities }) => {
  test('is refused', async () => {
    const mixed = ['scrypt_and_x25519', 'scrypt_double'].includes(name)
    const malformedHeader = name === 'scrypt_not_canonical_body'
    expect(await refusal(file, [...identities, stranger])).toBe(mixed || malformedHeader ? 'artifact_damaged' : 'encryption_key_missing')
  })
})

describe.each(ofKind('hybrid'))('hybrid (post-quantum) is not supported, $name', ({ name, file, identities }) => {
  test('its identity is refused', async () => {
    expect(await refusal(file, identities)).toBe('invalid_spec')
  })

  test('its file is refused to X25519 identities', async () => {
    const ours = identities.filter((identity) => identity.startsWith('AGE-SECRET-KEY-1'))
    // Broken base64 in a body and a wrong X25519 stanza beside the hybrid one are ours to see; the rest of a hybrid stanza is passed over.
    const malformed = ['hybrid_not_canonical_body', 'hybrid_x25519_arg'].includes(name)
    expect(await refusal(file, [...ours, stranger])).toBe(malformed ? 'artifact_damaged' : 'encryption_key_missing')
  })
})
