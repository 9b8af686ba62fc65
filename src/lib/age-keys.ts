/**
 * X25519 keys of age (C2SP age v1, https://c2sp.org/age): the recipient `age1…` that anybody may know, and the identity `AGE-SECRET-KEY-1…`
 * that opens what was encrypted to it. Both are 32 bytes in Bech32 (BIP 173, without its length limit).
 */
import { createPrivateKey, createPublicKey, diffieHellman, randomBytes } from 'node:crypto'

/** A recipient, identity or identity file a person gave is not usable. The message says why and never repeats a secret. */
export class AgeKeyError extends Error {
  constructor(message: string) {
    super(message)
    this.name = 'AgeKeyError'
  }
}

export interface AgeKeyPair {
  /** `AGE-SECRET-KEY-1…` */
  identity: string
  /** `age1…` */
  recipient: string
}

const keyBytes = 32
const recipientPrefix = 'age'
const identityPrefix = 'age-secret-key-'

export function generateAgeKeyPair(): AgeKeyPair {
  const identity = formatIdentity(randomBytes(keyBytes))
  return { identity, recipient: recipientOfIdentity(identity) }
}

/** The recipient that `identity` opens. @throws AgeKeyError */
export function recipientOfIdentity(identity: string): string {
  return formatRecipient(x25519PublicKey(parseIdentity(identity)))
}

export function formatRecipient(publicKey: Uint8Array): string {
  return encodeBech32(recipientPrefix, publicKey)
}

export function formatIdentity(secretKey: Uint8Array): string {
  return encodeBech32(identityPrefix, secretKey).toUpperCase()
}

/** The 32 bytes of the public key, never a point of low order. @throws AgeKeyError */
export function parseRecipient(text: string): Uint8Array {
  if (/^age-secret-key-/i.test(text)) throw new AgeKeyError('this is an identity, the secret half of a key; a recipient begins with "age1"')
  if (text.startsWith('ssh-')) throw new AgeKeyError('SSH keys are not supported as recipients; make an age key with "age-keygen"')
  if (/^age1[a-z0-9]+1/.test(text)) throw new AgeKeyError('only X25519 recipients are supported, no post-quantum, tagged or plugin ones')
  const publicKey = /^age1[a-z0-9]+$/.test(text) ? decodeBech32(text, recipientPrefix) : undefined
  if (publicKey === undefined) {
    throw new AgeKeyError('not an age recipient: it begins with "age1", is all lower case, and one wrong letter makes it invalid')
  }
  // A point of low order gives zero with every secret, so any secret shows it.
  if (x25519SharedSecret(new Uint8Array(keyBytes), publicKey) === undefined) {
    throw new AgeKeyError('not an age recipient: nothing encrypted to it would be secret')
  }
  return publicKey
}

/** The 32 bytes of the secret key. @throws AgeKeyError */
export function parseIdentity(text: string): Uint8Array {
  if (text.startsWith('age1')) throw new AgeKeyError('this is a recipient, the public half of a key; an identity begins with "AGE-SECRET-KEY-1"')
  if (text.startsWith('AGE-SECRET-KEY-PQ-')) throw new AgeKeyError('post-quantum identities are not supported, only X25519')
  if (text.startsWith('AGE-PLUGIN-')) throw new AgeKeyError('plugin identities are not supported, only X25519')
  const secretKey = /^AGE-SECRET-KEY-1[A-Z0-9]+$/.test(text) ? decodeBech32(text.toLowerCase(), identityPrefix) : undefined
  if (secretKey === undefined) {
    throw new AgeKeyError('not an age identity: it begins with "AGE-SECRET-KEY-1", is all upper case, and one wrong letter makes it invalid')
  }
  return secretKey
}

/**
 * The identities of a file as `age-keygen` writes it: one a line; empty lines and lines that begin with `#` do not count.
 * @returns at least one. @throws AgeKeyError naming the line
 */
export function parseIdentityFile(text: string): string[] {
  if (text.startsWith('age-encryption.org/') || text.startsWith('-----BEGIN AGE')) {
    throw new AgeKeyError('the identity file is itself encrypted; decrypt it first with "age -d"')
  }
  if (text.startsWith('-----BEGIN')) throw new AgeKeyError('SSH and PEM keys are not supported as identities; use a file made with "age-keygen"')
  const identities: string[] = []
  for (const [index, line] of text.split('\n').entries()) {
    const identity = line.trim()
    if (identity === '' || identity.startsWith('#')) continue
    try {
      parseIdentity(identity)
    } catch (error) {
      throw error instanceof AgeKeyError ? new AgeKeyError(`line ${index + 1}: ${error.message}`) : error
    }
    identities.push(identity)
  }
  if (identities.length === 0) throw new AgeKeyError('the file holds no identity; a line of it begins with "AGE-SECRET-KEY-1"')
  return identities
}

// node:crypto takes X25519 keys as ASN.1 only (RFC 8410): these bytes, then the 32 of the key.
const publicKeyPrefix = Buffer.from('302a300506032b656e032100', 'hex')
const secretKeyPrefix = Buffer.from('302e020100300506032b656e04220420', 'hex')

function privateKeyObject(secretKey: Uint8Array) {
  return createPrivateKey({ key: Buffer.concat([secretKeyPrefix, secretKey]), format: 'der', type: 'pkcs8' })
}

/** X25519 (RFC 7748) of a 32-byte secret and the base point. */
export function x25519PublicKey(secretKey: Uint8Array): Uint8Array {
  return createPublicKey(privateKeyObject(secretKey)).export({ format: 'der', type: 'spki' }).subarray(publicKeyPrefix.length)
}

/** X25519 (RFC 7748) of a 32-byte secret and another's public key; undefined when that is a point of low order, which makes no secret. */
export function x25519SharedSecret(secretKey: Uint8Array, publicKey: Uint8Array): Uint8Array | undefined {
  const theirs = createPublicKey({ key: Buffer.concat([publicKeyPrefix, publicKey]), format: 'der', type: 'spki' })
  const ours = privateKeyObject(secretKey)
  let shared: Buffer
  try {
    shared = diffieHellman({ privateKey: ours, publicKey: theirs })
  } catch (error) {
    if ((error as { code?: unknown }).code === 'ERR_OSSL_FAILED_DURING_DERIVATION') return undefined
    throw error
  }
  return shared.every((byte) => byte === 0) ? undefined : shared
}

const bech32Letters = 'qpzry9x8gf2tvdw0s3jn54khce6mua7l'
const bech32Generator = [0x3b6a57b2, 0x26508e6d, 0x1ea119fa, 0x3d4233dd, 0x2a1462b3]
const bech32ChecksumLetters = 6

function bech32Polymod(values: Iterable<number>): number {
  let checksum = 1
  for (const value of values) {
    const top = checksum >>> 25
    checksum = ((checksum & 0x1ffffff) << 5) ^ value
    for (const [bit, generator] of bech32Generator.entries()) if ((top >>> bit) & 1) checksum ^= generator
  }
  return checksum
}

function expandedPrefix(prefix: string): number[] {
  const codes = [...Buffer.from(prefix, 'latin1')]
  return [...codes.map((code) => code >>> 5), 0, ...codes.map((code) => code & 31)]
}

function encodeBech32(prefix: string, bytes: Uint8Array): string {
  const values: number[] = []
  let pending = 0
  let pendingBits = 0
  for (const byte of bytes) {
    pending = ((pending << 8) | byte) & 0xfff
    for (pendingBits += 8; pendingBits >= 5; pendingBits -= 5) values.push((pending >>> (pendingBits - 5)) & 31)
  }
  if (pendingBits > 0) values.push((pending << (5 - pendingBits)) & 31)
  const checksum = bech32Polymod([...expandedPrefix(prefix), ...values, ...Array.from({ length: bech32ChecksumLetters }, () => 0)]) ^ 1
  for (let place = bech32ChecksumLetters - 1; place >= 0; place--) values.push((checksum >>> (5 * place)) & 31)
  return `${prefix}1${values.map((value) => bech32Letters.charAt(value)).join('')}`
}

/** The 32 bytes of `text` (lower case); undefined when it has another prefix or size, a wrong checksum or padding that is not zero. */
function decodeBech32(text: string, prefix: string): Uint8Array | undefined {
  const dataLetters = Math.ceil((keyBytes * 8) / 5)
  if (text.length !== prefix.length + 1 + dataLetters + bech32ChecksumLetters || !text.startsWith(`${prefix}1`)) return undefined
  const values = Array.from(text.slice(prefix.length + 1), (letter) => bech32Letters.indexOf(letter))
  if (values.includes(-1) || bech32Polymod([...expandedPrefix(prefix), ...values]) !== 1) return undefined
  const bytes = new Uint8Array(keyBytes)
  let pending = 0
  let pendingBits = 0
  let at = 0
  for (const value of values.slice(0, dataLetters)) {
    pending = ((pending << 5) | value) & 0xfff
    pendingBits += 5
    if (pendingBits < 8) continue
    pendingBits -= 8
    bytes[at++] = pending >>> pendingBits
  }
  return (pending & ((1 << pendingBits) - 1)) === 0 ? bytes : undefined
}
