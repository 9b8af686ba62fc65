/**
 * The header of an age v1 file (https://c2sp.org/age): a version line, a stanza for each recipient that wraps the file key for it, and a MAC.
 * X25519 is the one recipient type we write and open. Stanzas of other types are passed over, as the specification asks.
 */
import { createCipheriv, createDecipheriv, createHmac, createSecretKey, hkdfSync, randomBytes, timingSafeEqual } from 'node:crypto'
import type { KeyObject } from 'node:crypto'
import { BastionError } from '../../core/errors.ts'
import { AgeKeyError, parseIdentity, parseIdentityFile, parseRecipient, x25519PublicKey, x25519SharedSecret } from '../../lib/age-keys.ts'

/** The most a header may take, in bytes; the specification sets no bound. */
export const maxHeaderBytes = 64 * 1024
/** The most recipients we write to, and the most stanzas we read. */
export const maxStanzas = 64
/** The random bytes between the header and the first chunk, which make the payload key differ from file to file. */
export const payloadNonceBytes = 16

const versionLine = 'age-encryption.org/v1'
const macLabel = '---'
const bodyColumns = 64
const fileKeyBytes = 16
const keyBytes = 32
const tagBytes = 16
const macBytes = 32

/** What the payload of one age file is sealed with; it serves one stream. A key object may be posted to worker threads and is the cheapest to use. */
export type AgePayloadKey = KeyObject

interface Stanza {
  type: string
  args: string[]
  body: Uint8Array
}

interface ParsedHeader {
  stanzas: Stanza[]
  mac: Uint8Array
  sizeBytes: number
}

/**
 * A fresh file key wrapped for each of `recipients` (`age1…`, 1 … 64).
 * @returns `bytes`: the header and the payload nonce, exactly what precedes the first sealed chunk
 * @throws BastionError invalid_spec
 */
export function createAgeHeader(recipients: readonly string[]): { bytes: Uint8Array; payloadKey: AgePayloadKey } {
  if (recipients.length === 0) throw new BastionError('invalid_spec', 'Encryption needs at least one recipient.')
  if (recipients.length > maxStanzas) throw new BastionError('invalid_spec', `There are ${recipients.length} recipients; the most is ${maxStanzas}.`)
  const fileKey = randomBytes(fileKeyBytes)
  const publicKeys = recipients.map((recipient, index) => userKey(`Recipient ${index + 1} cannot be used`, () => parseRecipient(recipient)))
  const stanzas = publicKeys.map((publicKey) => wrapFileKey(fileKey, publicKey))
  const macInput = Buffer.from(`${versionLine}\n${stanzas.join('')}${macLabel}`, 'latin1')
  const macLine = ` ${encodeBase64(headerMac(fileKey, macInput))}\n`
  const nonce = randomBytes(payloadNonceBytes)
  return { bytes: Buffer.concat([macInput, Buffer.from(macLine, 'latin1'), nonce]), payloadKey: payloadKeyOf(fileKey, nonce) }
}

/**
 * The payload key for whoever holds one of `identities` (`AGE-SECRET-KEY-1…`).
 * @param head the beginning of an age file, at least up to its payload nonce (see {@link ageHeadSize})
 * @returns `payloadOffset`: where the first chunk begins
 * @throws BastionError artifact_damaged, encryption_key_missing when the header is whole but no identity opens it, unsupported for armor and later
 * versions of age, invalid_spec for something that is no identity
 */
export function openAgeHeader(head: Uint8Array, identities: readonly string[]): { payloadKey: AgePayloadKey; payloadOffset: number } {
  const secretKeys = identities.map((identity, index) => userKey(`Identity ${index + 1} cannot be used`, () => parseIdentity(identity)))
  const bytes = Buffer.from(head.buffer, head.byteOffset, head.byteLength)
  const header = parseHeader(bytes)
  const payloadOffset = header.sizeBytes + payloadNonceBytes
  if (payloadOffset > bytes.length) throw damaged('it ends within the payload nonce')
  const fileKey = unwrapFileKey(header.stanzas, secretKeys)
  if (fileKey === undefined) throw noMatch(header.stanzas, identities.length)
  const macInput = bytes.subarray(0, header.sizeBytes - ` ${encodeBase64(header.mac)}\n`.length)
  if (!timingSafeEqual(headerMac(fileKey, macInput), header.mac)) throw damaged('the MAC of its header does not match')
  return { payloadKey: payloadKeyOf(fileKey, bytes.subarray(header.sizeBytes, payloadOffset)), payloadOffset }
}

/** How many bytes at the beginning of an age file {@link openAgeHeader} needs; undefined while `head` does not show the end of the header. */
export function ageHeadSize(head: Uint8Array): number | undefined {
  const sizeBytes = headerSize(Buffer.from(head.buffer, head.byteOffset, head.byteLength))
  return sizeBytes === undefined ? undefined : sizeBytes + payloadNonceBytes
}

/** The identities of a file's text, as `age-keygen` writes it. @throws BastionError invalid_spec */
export function readAgeIdentities(fileText: string): string[] {
  return userKey('The identity file cannot be used', () => parseIdentityFile(fileText))
}

function userKey<T>(what: string, parse: () => T): T {
  try {
    return parse()
  } catch (error) {
    if (!(error instanceof AgeKeyError)) throw error
    throw new BastionError('invalid_spec', `${what}: ${error.message}.`, { hint: 'Make a key pair with "age-keygen -o key.txt".' })
  }
}

function damaged(reason: string): BastionError {
  return new BastionError('artifact_damaged', `The age file is damaged: ${reason}.`)
}

function noMatch(stanzas: Stanza[], identityCount: number): BastionError {
  if (stanzas.some((stanza) => stanza.type === 'scrypt')) {
    const hint = 'Bastion opens what is encrypted to a key. Decrypt this with "age -d".'
    return new BastionError('encryption_key_missing', 'The age file is encrypted with a passphrase, not to a recipient.', { hint })
  }
  const tried = identityCount === 1 ? 'the identity given' : `any of the ${identityCount} identities given`
  return new BastionError(
    'encryption_key_missing',
    identityCount === 0 ? 'The data is encrypted and no age identity was given.' : `The data is not encrypted to ${tried}.`,
    { hint: 'Give the age identity file that belongs to the recipient with --identity, or in BASTION_IDENTITY.' },
  )
}

/** The size of the header, its MAC line included; undefined when it has no end within what is there and within the bound. */
function headerSize(bytes: Buffer): number | undefined {
  const macLine = bytes.indexOf(`\n${macLabel}`, 0, 'latin1')
  const lineFeed = macLine === -1 ? -1 : bytes.indexOf('\n', macLine + 1, 'latin1')
  return lineFeed === -1 || lineFeed >= maxHeaderBytes ? undefined : lineFeed + 1
}

function parseHeader(bytes: Buffer): ParsedHeader {
  const start = bytes.toString('latin1', 0, 256)
  if (/^\s*-----BEGIN AGE ENCRYPTED FILE-----/.test(start)) {
    throw new BastionError('unsupported', 'The age file is in ASCII armor.', { hint: 'Decrypt it with "age -d", which reads armor.' })
  }
  if (!start.startsWith(`${versionLine}\n`)) {
    const version = /^age-encryption\.org\/([\x21-\x7e]+)\n/.exec(start)?.[1]
    if (version !== undefined) throw new BastionError('unsupported', `The age file is of version ${JSON.stringify(version)}; this Bastion reads v1.`)
    throw damaged('it does not begin with an age header')
  }
  const sizeBytes = headerSize(bytes)
  if (sizeBytes === undefined) {
    throw damaged(bytes.length < maxHeaderBytes ? 'its header is cut short' : `its header has no end within ${maxHeaderBytes} bytes`)
  }
  const lines = bytes.toString('latin1', 0, sizeBytes - 1).split('\n')
  const stanzas: Stanza[] = []
  let at = 1
  while (at < lines.length - 1) {
    if (stanzas.length === maxStanzas) throw damaged(`its header has more than ${maxStanzas} stanzas`)
    const argLine = lines[at++] ?? ''
    if (!/^->( [\x21-\x7e]+)+$/.test(argLine)) throw damaged('a recipient stanza of its header is malformed')
    const [type = '', ...args] = argLine.slice('-> '.length).split(' ')
    const bodyStart = at
    while (lines[at]?.length === bodyColumns) at++
    if ((lines[at]?.length ?? 0) > bodyColumns) throw damaged('a line of its header is too long')
    stanzas.push({ type, args, body: decodeBase64(lines.slice(bodyStart, ++at).join('')) })
  }
  if (stanzas.length === 0) throw damaged('its header has no recipient stanza')
  const macLine = lines[at] ?? ''
  if (!macLine.startsWith(`${macLabel} `)) throw damaged('the last stanza of its header has no end')
  const mac = decodeBase64(macLine.slice(macLabel.length + 1))
  if (mac.length !== macBytes) throw damaged('the MAC of its header has a wrong size')
  return { stanzas, mac, sizeBytes }
}

function wrapFileKey(fileKey: Uint8Array, recipient: Uint8Array): string {
  const ephemeralSecret = randomBytes(keyBytes)
  const share = x25519PublicKey(ephemeralSecret)
  const shared = x25519SharedSecret(ephemeralSecret, recipient)
  if (shared === undefined) throw new BastionError('invalid_spec', 'A recipient is a point of low order: nothing encrypted to it would be secret.')
  const cipher = createCipheriv('chacha20-poly1305', wrapKey(shared, share, recipient), wrapNonce(), { authTagLength: tagBytes })
  const body = Buffer.concat([cipher.update(fileKey), cipher.final(), cipher.getAuthTag()])
  return `-> X25519 ${encodeBase64(share)}\n${encodeBase64(body)}\n`
}

/** @returns undefined when no identity opens any stanza. @throws BastionError artifact_damaged for an X25519 stanza that none may accept */
function unwrapFileKey(stanzas: Stanza[], secretKeys: Uint8Array[]): Uint8Array | undefined {
  if (stanzas.length > 1 && stanzas.some((stanza) => stanza.type === 'scrypt')) throw damaged('it has a passphrase stanza beside others')
  const wrapped = stanzas.filter((stanza) => stanza.type === 'X25519').map(x25519Stanza)
  for (const secretKey of secretKeys) {
    const recipient = x25519PublicKey(secretKey)
    for (const { share, body } of wrapped) {
      const shared = x25519SharedSecret(secretKey, share)
      if (shared === undefined) throw damaged('a stanza of its header holds a point of low order')
      const fileKey = openBody(body, wrapKey(shared, share, recipient))
      if (fileKey !== undefined) return fileKey
    }
  }
  return undefined
}

function x25519Stanza(stanza: Stanza): { share: Uint8Array; body: Uint8Array } {
  const share = decodeBase64(stanza.args[0] ?? '')
  if (stanza.args.length !== 1 || share.length !== keyBytes) throw damaged('an X25519 stanza of its header has wrong arguments')
  if (stanza.body.length !== fileKeyBytes + tagBytes) throw damaged('an X25519 stanza of its header has a body of a wrong size')
  return { share, body: stanza.body }
}

function openBody(body: Uint8Array, key: Uint8Array): Uint8Array | undefined {
  const decipher = createDecipheriv('chacha20-poly1305', key, wrapNonce(), { authTagLength: tagBytes })
  decipher.setAuthTag(body.subarray(fileKeyBytes))
  const fileKey = decipher.update(body.subarray(0, fileKeyBytes))
  try {
    decipher.final()
  } catch {
    return undefined // not wrapped for this identity: the one thing that final() checks is the tag
  }
  return fileKey
}

/** Always zero: a wrap key is used once. */
function wrapNonce(): Uint8Array {
  return new Uint8Array(12)
}

function wrapKey(shared: Uint8Array, share: Uint8Array, recipient: Uint8Array): Uint8Array {
  return hkdf(shared, Buffer.concat([share, recipient]), 'age-encryption.org/v1/X25519')
}

function headerMac(fileKey: Uint8Array, macInput: Uint8Array): Uint8Array {
  return createHmac('sha256', hkdf(fileKey, new Uint8Array(0), 'header'))
    .update(macInput)
    .digest()
}

function payloadKeyOf(fileKey: Uint8Array, nonce: Uint8Array): AgePayloadKey {
  return createSecretKey(hkdf(fileKey, nonce, 'payload'))
}

function hkdf(key: Uint8Array, salt: Uint8Array, info: string): Uint8Array {
  return new Uint8Array(hkdfSync('sha256', key, salt, info, keyBytes))
}

function encodeBase64(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('base64').replace(/=+$/, '')
}

/** Canonical base64 without padding (RFC 4648, sections 3.5 and 4) and nothing else: what re-encodes to other text is refused. */
function decodeBase64(text: string): Uint8Array {
  const bytes = Buffer.from(text, 'base64')
  if (encodeBase64(bytes) !== text) throw damaged('its header holds text that is not canonical base64')
  return bytes
}
