/**
 * age files made from outside the program: the same bytes each time, and with whatever a header may not say under a MAC that is right.
 * Format: https://c2sp.org/age
 */
import { createCipheriv, createHmac, createSecretKey, hkdfSync } from 'node:crypto'
import { ageChunkBytes, ageTagBytes, sealChunk } from '../../../src/engine/crypto/age-stream.ts'
import { formatIdentity, formatRecipient, x25519PublicKey, x25519SharedSecret } from '../../../src/lib/age-keys.ts'

const secretKey = Buffer.alloc(32, 0x42)
const publicKey = x25519PublicKey(secretKey)
const ephemeralSecret = Buffer.alloc(32, 0x17)
const share = x25519PublicKey(ephemeralSecret)
const fileKey = Buffer.alloc(16, 0x5a)
const nonce = Buffer.alloc(16, 0x33)

/** Opens everything forged here. */
export const forgedIdentity = formatIdentity(secretKey)
export const forgedRecipient = formatRecipient(publicKey)
/** The stanza that wraps the file key for {@link forgedIdentity}. */
export const forgedStanza = wrapFileKey()
export const ageVersionLine = 'age-encryption.org/v1\n'

function hkdf(key: Uint8Array, salt: Uint8Array, info: string): Buffer {
  return Buffer.from(hkdfSync('sha256', key, salt, info, 32))
}

function base64(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('base64').replace(/=+$/, '')
}

function wrapFileKey(): string {
  const shared = x25519SharedSecret(ephemeralSecret, publicKey)!
  const key = hkdf(shared, Buffer.concat([share, publicKey]), 'age-encryption.org/v1/X25519')
  const cipher = createCipheriv('chacha20-poly1305', key, Buffer.alloc(12), { authTagLength: ageTagBytes })
  const body = Buffer.concat([cipher.update(fileKey), cipher.final(), cipher.getAuthTag()])
  return `-> X25519 ${base64(share)}\n${base64(body)}\n`
}

/** A header of any text up to its MAC, with the MAC that belongs to it, and the payload's nonce. `text` has a character for each byte. */
export function forgeAgeHeader(text: string = ageVersionLine + forgedStanza): Buffer {
  const macInput = Buffer.from(`${text}---`, 'latin1')
  const mac = createHmac('sha256', hkdf(fileKey, new Uint8Array(0), 'header'))
    .update(macInput)
    .digest()
  return Buffer.concat([macInput, Buffer.from(` ${base64(mac)}\n`), nonce])
}

/** `plaintext` as a whole age file. */
export function forgeAge(plaintext: Uint8Array): Buffer {
  const payloadKey = createSecretKey(hkdf(fileKey, nonce, 'payload'))
  const chunks: Buffer[] = [forgeAgeHeader()]
  for (let at = 0, number = 0; number === 0 || at < plaintext.length; at += ageChunkBytes, number += 1) {
    const chunk = plaintext.subarray(at, at + ageChunkBytes)
    const sealed = Buffer.alloc(chunk.length + ageTagBytes)
    sealChunk(payloadKey, number, at + ageChunkBytes >= plaintext.length, chunk, sealed, 0)
    chunks.push(sealed)
  }
  return Buffer.concat(chunks)
}
