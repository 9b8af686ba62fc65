import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { BastionError } from '../../src/core/errors.ts'
import { ageHeadSize, createAgeHeader, maxHeaderBytes, maxStanzas, openAgeHeader, readAgeIdentities } from '../../src/engine/crypto/age-header.ts'
import { formatRecipient, generateAgeKeyPair } from '../../src/lib/age-keys.ts'

const pair = generateAgeKeyPair()
const other = generateAgeKeyPair()

function code(expected: string): unknown {
  return expect.objectContaining({ name: 'BastionError', code: expected })
}

/** The head of a file to `pair`, its text changed. */
function changedHead(change: (text: string) => string): Buffer {
  const head = Buffer.from(createAgeHeader([pair.recipient]).bytes)
  return Buffer.concat([Buffer.from(change(head.toString('latin1', 0, head.length - 16)), 'latin1'), head.subarray(-16)])
}

const greaseStanza = '-> grease some args\nYm9keQ\n'

test('each recipient of many opens the header, in whatever order the identities are given', () => {
  const pairs = [pair, other, generateAgeKeyPair()]
  const { bytes, payloadKey } = createAgeHeader(pairs.map(({ recipient }) => recipient))
  for (const { identity } of pairs) {
    const opened = openAgeHeader(bytes, [generateAgeKeyPair().identity, identity])
    expect(opened.payloadKey.equals(payloadKey)).toBe(true)
    expect(opened.payloadOffset).toBe(bytes.length)
  }
})

test('no two files have the same key', () => {
  const [first, second] = [createAgeHeader([pair.recipient]), createAgeHeader([pair.recipient])]
  expect(first.payloadKey.equals(second.payloadKey)).toBe(false)
})

test('what follows the nonce does not matter, and how much is needed shows when the header has ended', () => {
  const { bytes } = createAgeHeader([pair.recipient])
  const longer = Buffer.concat([bytes, Buffer.from('\n--- ciphertext\n')])
  expect(openAgeHeader(longer, [pair.identity]).payloadOffset).toBe(bytes.length)
  for (let length = 0; length <= longer.length; length++) {
    expect(ageHeadSize(longer.subarray(0, length))).toBe(length < bytes.length - 16 ? undefined : bytes.length)
  }
})

test('an identity that does not match is told how to give another', () => {
  const { bytes } = createAgeHeader([pair.recipient])
  expect(() => openAgeHeader(bytes, [other.identity])).toThrow(code('encryption_key_missing'))
  expect(() => openAgeHeader(bytes, [])).toThrow(/no age identity was given/)
  try {
    openAgeHeader(bytes, [])
  } catch (error) {
    expect((error as BastionError).hint).toContain('--identity')
  }
})

describe('a recipient that cannot be used is an invalid spec', () => {
  const refused: [string, string[]][] = [
    ['none', []],
    ['more than there may be', Array.from({ length: maxStanzas + 1 }, () => pair.recipient)],
    ['no recipient', ['hello']],
    ['a point of low order', [pair.recipient, formatRecipient(new Uint8Array(32))]],
  ]
  test.each(refused)('%s', (_, recipients) => {
    expect(() => createAgeHeader(recipients)).toThrow(code('invalid_spec'))
  })

  test('and its text is not repeated, which may be a secret', () => {
    expect(() => createAgeHeader([pair.recipient, pair.identity])).toThrow(/^Recipient 2 cannot be used: this is an identity/)
    expect(() => createAgeHeader([pair.identity])).not.toThrow(pair.identity.slice(20, 40))
  })
})

test('an identity or identity file that cannot be used is an invalid spec', () => {
  expect(() => openAgeHeader(createAgeHeader([pair.recipient]).bytes, ['hello'])).toThrow(code('invalid_spec'))
  expect(() => readAgeIdentities('hello')).toThrow(code('invalid_spec'))
  expect(readAgeIdentities(`# key\n${pair.identity}\n`)).toEqual([pair.identity])
})

test('as many recipients as may be are written and read, one stanza more is refused', () => {
  const { bytes } = createAgeHeader(Array.from({ length: maxStanzas }, () => pair.recipient))
  expect(openAgeHeader(bytes, [pair.identity]).payloadOffset).toBe(bytes.length)
  expect(() =>
    openAgeHeader(
      changedHead((text) => text.replace('\n', `\n${greaseStanza.repeat(maxStanzas)}`)),
      [pair.identity],
    ),
  ).toThrow(/more than 64/)
})

test('a header of more than 64 KiB is refused, however it goes on', () => {
  const tooLong = changedHead((text) => text.replace('\n', `\n-> grease\n${`${'A'.repeat(64)}\n`.repeat(maxHeaderBytes / 65)}\n`))
  expect(tooLong.length).toBeGreaterThan(maxHeaderBytes)
  expect(ageHeadSize(tooLong)).toBeUndefined()
  expect(() => openAgeHeader(tooLong, [pair.identity])).toThrow(/no end within 65536 bytes/)
})

describe('damage', () => {
  const refused: [string, (text: string) => string, string][] = [
    ['a stanza that was added', (text) => text.replace('\n', `\n${greaseStanza}`), 'artifact_damaged'],
    ['another MAC', (text) => text.replace(/--- .*/, `--- ${'A'.repeat(43)}`), 'artifact_damaged'],
    ['a MAC of another size', (text) => text.replace(/--- .*/, '--- AAAA'), 'artifact_damaged'],
    ['a passphrase stanza beside ours', (text) => text.replace('\n', '\n-> scrypt AAAAAAAAAAAAAAAAAAAAAA 10\nAAAA\n'), 'artifact_damaged'],
    ['no stanza', (text) => text.replace(/->(.|\n)*---/, '---'), 'artifact_damaged'],
    ['a line of 65 columns', (text) => text.replace('\n', `\n-> grease\n${'A'.repeat(64)}\n${'A'.repeat(68)}\n`), 'artifact_damaged'],
    ['no header at all', () => 'hello\n', 'artifact_damaged'],
    ['armor', () => '-----BEGIN AGE ENCRYPTED FILE-----\n', 'unsupported'],
    ['a later version', (text) => text.replace('v1', 'v2'), 'unsupported'],
    ['a passphrase', () => `age-encryption.org/v1\n-> scrypt AAAAAAAAAAAAAAAAAAAAAA 10\nAAAA\n--- ${'A'.repeat(43)}\n`, 'encryption_key_missing'],
  ]
  test.each(refused)('%s is refused', (_, change, expected) => {
    expect(() => openAgeHeader(changedHead(change), [pair.identity])).toThrow(code(expected))
  })

  test('a header that ends anywhere too early is refused', () => {
    const { bytes } = createAgeHeader([pair.recipient])
    for (let length = 0; length < bytes.length; length++) {
      expect(() => openAgeHeader(bytes.subarray(0, length), [pair.identity])).toThrow(code('artifact_damaged'))
    }
  })
})

describe('whatever bytes stand where a header should', () => {
  const line = fc.oneof(
    fc.constantFrom('age-encryption.org/v1', '-> X25519 AAAA', '-> scrypt a 1', '->', '--- AAAA', '---', '', `--- ${'A'.repeat(43)}`, 'A'.repeat(64)),
    fc.string({ maxLength: 70 }),
  )

  function refusedProperly(head: Uint8Array): void {
    try {
      openAgeHeader(head, [pair.identity])
      expect.unreachable('it was opened')
    } catch (error) {
      if (!(error instanceof BastionError)) throw error
      expect(['artifact_damaged', 'encryption_key_missing', 'unsupported']).toContain(error.code)
    }
  }

  test('lines of any kind are refused as damage or as not for us', () => {
    fc.assert(
      fc.property(fc.array(line), (lines) => refusedProperly(Buffer.from(['age-encryption.org/v1', ...lines, ''].join('\n')))),
      { numRuns: 500 },
    )
    fc.assert(fc.property(fc.uint8Array({ maxLength: 200 }), refusedProperly))
  })

  test('a header with one byte changed is refused, except in the nonce, where the key becomes another', () => {
    const { bytes, payloadKey } = createAgeHeader([pair.recipient, other.recipient])
    fc.assert(
      fc.property(fc.nat(bytes.length - 1), fc.integer({ min: 1, max: 255 }), (at, flip) => {
        const changed = Uint8Array.from(bytes)
        changed[at] = (bytes[at] ?? 0) ^ flip
        if (at < bytes.length - 16) refusedProperly(changed)
        else expect(openAgeHeader(changed, [pair.identity]).payloadKey.equals(payloadKey)).toBe(false)
      }),
      { numRuns: 500 },
    )
  })
})
