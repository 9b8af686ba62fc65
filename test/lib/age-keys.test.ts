import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  AgeKeyError,
  formatIdentity,
  formatRecipient,
  generateAgeKeyPair,
  parseIdentity,
  parseIdentityFile,
  parseRecipient,
  recipientOfIdentity,
} from '../../src/lib/age-keys.ts'

// The examples of the specification, https://c2sp.org/age.
const identity = 'AGE-SECRET-KEY-1GFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPQ4EGAEX'
const recipient = 'age1zvkyg2lqzraa2lnjvqej32nkuu0ues2s82hzrye869xeexvn73equnujwj'

// Every point of small order of Curve25519 in its canonical encoding, those that RFC 7748 reduces to them, and their high-bit twins.
const lowOrderPoints = [
  '0000000000000000000000000000000000000000000000000000000000000000',
  '0100000000000000000000000000000000000000000000000000000000000000',
  'e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800',
  '5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157',
  'ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
  'edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
  'eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
  '0000000000000000000000000000000000000000000000000000000000000080',
  '0100000000000000000000000000000000000000000000000000000000000080',
]

const keyBytes = fc.uint8Array({ minLength: 32, maxLength: 32 })

/** `text` with one letter made another of the alphabet. */
function withOtherLetter(text: string, at: number, letter: string): string {
  const cased = text === text.toUpperCase() ? letter.toUpperCase() : letter
  return `${text.slice(0, at)}${cased}${text.slice(at + 1)}`
}

test('the recipient of an identity is the one the specification gives', () => {
  expect(recipientOfIdentity(identity)).toBe(recipient)
  expect(Buffer.from(parseIdentity(identity))).toEqual(Buffer.alloc(32, 0x42))
})

test('a generated pair belongs together and is never the same twice', () => {
  const pair = generateAgeKeyPair()
  expect(pair.identity).toMatch(/^AGE-SECRET-KEY-1[0-9A-Z]{58}$/)
  expect(recipientOfIdentity(pair.identity)).toBe(pair.recipient)
  expect(generateAgeKeyPair().identity).not.toBe(pair.identity)
})

test('any 32 bytes come back from the text of an identity, and any point that is safe from that of a recipient', () => {
  fc.assert(
    fc.property(keyBytes, (bytes) => {
      expect(parseIdentity(formatIdentity(bytes))).toEqual(bytes)
      expect(parseRecipient(formatRecipient(bytes))).toEqual(bytes)
    }),
  )
})

test('one wrong letter anywhere in a recipient or identity is noticed', () => {
  const letter = fc.constantFrom(...'qpzry9x8gf2tvdw0s3jn54khce6mua7l'.split(''))
  fc.assert(
    fc.property(fc.constantFrom(identity, recipient), fc.nat(57), letter, (text, fromEnd, other) => {
      const changed = withOtherLetter(text, text.length - 1 - fromEnd, other)
      fc.pre(changed !== text)
      expect(() => (text === identity ? parseIdentity(changed) : parseRecipient(changed))).toThrow(AgeKeyError)
    }),
  )
})

test.each(lowOrderPoints)('a recipient that is the point of low order %s is refused', (point) => {
  expect(() => parseRecipient(formatRecipient(Buffer.from(point, 'hex')))).toThrow(/nothing encrypted to it/)
})

describe('what is not an X25519 recipient is refused with the reason', () => {
  const refused: [string, string, RegExp][] = [
    ['an identity', identity, /the secret half/],
    ['an SSH key', 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAAAA', /SSH/],
    ['a plugin recipient', 'age1yubikey1qwt50d05nh5vutpdzmlg5wn80xq5negm4uj9ghv0snvdd3yysf5yw3rhl3t', /only X25519/],
    ['a post-quantum recipient', 'age1pq1x34nzsvr0rxjsgdn8zgyhfe8j7ceq5r9rdelkjuh3y235jzx', /only X25519/],
    ['upper case', recipient.toUpperCase(), /lower case/],
    ['mixed case', withOtherLetter(recipient, 10, 'Q'), /lower case/],
    ['a space around it', ` ${recipient}`, /not an age recipient/],
    ['a letter less', recipient.slice(0, -1), /not an age recipient/],
    ['nothing', '', /not an age recipient/],
  ]
  test.each(refused)('%s', (_, text, reason) => {
    expect(() => parseRecipient(text)).toThrow(reason)
  })
})

describe('what is not an X25519 identity is refused with the reason, which does not repeat it', () => {
  const refused: [string, string, RegExp][] = [
    ['a recipient', recipient, /the public half/],
    ['a post-quantum identity', 'AGE-SECRET-KEY-PQ-1XX76JRALNLXDMEW0CRK45QMCCH4X06SE84UN3VPM33W6HWDX0H3SK3ZQFR', /post-quantum/],
    ['a plugin identity', 'AGE-PLUGIN-YUBIKEY-1QQQSYQYQGVZQ8H', /plugin/],
    ['lower case', identity.toLowerCase(), /upper case/],
    ['a letter that lower case would make a valid one', identity.replace('K', '\u212a'), /upper case/],
    ['a letter less', identity.slice(0, -1), /not an age identity/],
    ['nothing', '', /not an age identity/],
  ]
  test.each(refused)('%s', (_, text, reason) => {
    expect(() => parseIdentity(text)).toThrow(reason)
    expect(() => parseIdentity(text)).not.toThrow(/1[A-Z0-9]{8}/)
  })
})

describe('an identity file', () => {
  const second = generateAgeKeyPair().identity

  test('gives its identities in order, whatever comments, empty lines and line ends it has', () => {
    const text = `# created: 2026-11-01T00:00:00Z\r\n# public key: ${recipient}\r\n${identity}\r\n\r\n  \n#${second}\n${second}`
    expect(parseIdentityFile(text)).toEqual([identity, second])
  })

  const refused: [string, string, RegExp][] = [
    ['no identity', `# public key: ${recipient}\n`, /holds no identity/],
    ['nothing', '', /holds no identity/],
    ['a line that is none', `# mine\n${identity}\nhello\n`, /^line 3: not an age identity/],
    ['a recipient', `${recipient}\n`, /^line 1: this is a recipient/],
    ['an encrypted file', 'age-encryption.org/v1\n-> scrypt …', /itself encrypted/],
    ['an armored encrypted file', '-----BEGIN AGE ENCRYPTED FILE-----\n', /itself encrypted/],
    ['an SSH key', '-----BEGIN OPENSSH PRIVATE KEY-----\n', /SSH and PEM/],
  ]
  test.each(refused)('with %s is refused with the reason', (_, text, reason) => {
    expect(() => parseIdentityFile(text)).toThrow(reason)
  })
})
