import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto'

/**
 * AES-256-GCM (NIST SP 800-38D) with associated data: what was sealed for one purpose cannot be opened as another. Layout: version 1, nonce (12 bytes), tag (16 bytes),
 * ciphertext. The nonce is random; one key seals fewer than 2³² boxes.
 */
export interface SealedBox {
  seal(content: Uint8Array, associated: string): Uint8Array
  /** @throws SealBrokenError when it was changed, sealed for something else or with another key */
  open(sealed: Uint8Array, associated: string): Uint8Array
}

export class SealBrokenError extends Error {
  constructor() {
    super('this was not sealed with this key for this purpose')
    this.name = 'SealBrokenError'
  }
}

export const sealingKeyBytes = 32
const version = 1
const nonceBytes = 12
const tagBytes = 16
const headBytes = 1 + nonceBytes + tagBytes
const cipher = 'aes-256-gcm'

/** @param key 32 bytes */
export function createSealedBox(key: Uint8Array): SealedBox {
  return {
    seal(content, associated) {
      const nonce = randomBytes(nonceBytes)
      const sealing = createCipheriv(cipher, key, nonce, { authTagLength: tagBytes }).setAAD(Buffer.from(associated))
      const body = Buffer.concat([sealing.update(content), sealing.final()])
      return Buffer.concat([Uint8Array.of(version), nonce, sealing.getAuthTag(), body])
    },
    open(sealed, associated) {
      if (sealed.length < headBytes || sealed[0] !== version) throw new SealBrokenError()
      const nonce = sealed.subarray(1, 1 + nonceBytes)
      const opening = createDecipheriv(cipher, key, nonce, { authTagLength: tagBytes }).setAAD(Buffer.from(associated))
      opening.setAuthTag(sealed.subarray(1 + nonceBytes, headBytes))
      try {
        return Buffer.concat([opening.update(sealed.subarray(headBytes)), opening.final()])
      } catch {
        throw new SealBrokenError()
      }
    },
  }
}
