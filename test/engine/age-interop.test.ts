import { execFile, spawnSync } from 'node:child_process'
import { generateKeyPairSync } from 'node:crypto'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import type { BastionError } from '../../src/core/errors.ts'
import { readAgeIdentities } from '../../src/engine/crypto/age-header.ts'
import { openAgeRange } from '../../src/engine/crypto/age-range-reader.ts'
import { ageChunkBytes, decryptAge, encryptAge } from '../../src/engine/crypto/age-stream.ts'
import { generateAgeKeyPair, recipientOfIdentity } from '../../src/lib/age-keys.ts'
import { bytesReader, collect, drain, inPieces, sampleBytes } from '../support/age-samples.ts'

const exec = promisify(execFile)
const hasAge = spawnSync('age', ['--version']).status === 0
const pair = generateAgeKeyPair()
const sizes = [0, 1, ageChunkBytes - 1, ageChunkBytes, ageChunkBytes + 1, 2 * ageChunkBytes, 3 * ageChunkBytes - 16, 1_000_003]
let folder: string

beforeAll(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'age-interop-'))
  await writeFile(file('key.txt'), `# public key: ${pair.recipient}\n${pair.identity}\n`, { mode: 0o600 })
})

afterAll(async () => {
  await rm(folder, { recursive: true })
})

beforeEach((ctx) => {
  if (!hasAge) ctx.skip('the program age is not installed')
})

function file(name: string): string {
  return path.join(folder, name)
}

/** What `age` makes of `plaintext` for the recipients given as arguments. */
async function encryptedByAge(plaintext: Uint8Array, recipientArguments: string[]): Promise<Buffer> {
  await writeFile(file('plain'), plaintext)
  await exec('age', [...recipientArguments, '-o', file('theirs.age'), file('plain')])
  return readFile(file('theirs.age'))
}

/** An SSH key as a recipient (RFC 8709, section 4): age wraps for it in a stanza that we pass over. */
function sshRecipient(): string {
  const { x = '' } = generateKeyPairSync('ed25519').publicKey.export({ format: 'jwk' })
  const fields = [Buffer.from('ssh-ed25519'), Buffer.from(x, 'base64url')]
  const wire = fields.flatMap((field) => [Buffer.from([0, 0, 0, field.length]), field])
  return `ssh-ed25519 ${Buffer.concat(wire).toString('base64')}`
}

test.each(sizes)('age decrypts %i bytes that we encrypted', async (size) => {
  const plaintext = sampleBytes(size)
  const recipients = [generateAgeKeyPair().recipient, pair.recipient]
  await writeFile(file('ours.age'), await collect(encryptAge(inPieces(plaintext, 100_000), recipients)))
  const { stdout } = await exec('age', ['-d', '-i', file('key.txt'), file('ours.age')], { encoding: 'buffer', maxBuffer: Infinity })
  expect(plaintext.equals(stdout)).toBe(true)
})

test.each(sizes)('we decrypt %i bytes that age encrypted, streamed and at random', async (size) => {
  const plaintext = sampleBytes(size)
  const theirs = await encryptedByAge(plaintext, ['-r', generateAgeKeyPair().recipient, '-r', pair.recipient])
  expect(plaintext.equals(await collect(decryptAge(inPieces(theirs, 1000), [pair.identity])))).toBe(true)
  const reader = await openAgeRange(bytesReader(theirs), [pair.identity])
  expect(reader.sizeBytes).toBe(size)
  const offset = Math.floor(size / 2)
  expect(plaintext.subarray(offset).equals(await reader.read(offset, size - offset))).toBe(true)
})

describe('a file that age encrypted to an SSH key', () => {
  test('opens when it is for one of ours too', async () => {
    const theirs = await encryptedByAge(sampleBytes(100), ['-r', sshRecipient(), '-r', pair.recipient])
    expect(sampleBytes(100).equals(await collect(decryptAge(inPieces(theirs), [pair.identity])))).toBe(true)
  })

  test('asks for an identity when it is not', async () => {
    const theirs = await encryptedByAge(sampleBytes(100), ['-r', sshRecipient()])
    expect((await drain(decryptAge(inPieces(theirs), [pair.identity]))).error).toMatchObject({ code: 'encryption_key_missing' })
  })
})

test('an armored file is refused with the way out', async () => {
  const theirs = await encryptedByAge(sampleBytes(100), ['-a', '-r', pair.recipient])
  const { error } = await drain(decryptAge(inPieces(theirs), [pair.identity]))
  expect(error).toMatchObject({ code: 'unsupported' })
  expect((error as BastionError).hint).toContain('age -d')
})

test('a key file of age-keygen is read, and both see the same recipient in it', async () => {
  await exec('age-keygen', ['-o', file('generated.txt')])
  const identities = readAgeIdentities(await readFile(file('generated.txt'), 'utf8'))
  const { stdout } = await exec('age-keygen', ['-y', file('generated.txt')])
  expect(identities.map(recipientOfIdentity)).toEqual([stdout.trim()])
})
