import { createCipheriv, createDecipheriv } from 'node:crypto'
import koffi from 'koffi'

export const chachaPolyTagBytes = 16
export const chachaPolyKeyBytes = 32
export const chachaPolyNonceBytes = 12

/** ChaCha20-Poly1305 (RFC 8439, 2.8) without additional data, from one buffer into another; the two do not overlap. */
export interface ChachaPoly {
  /** @param into gets the ciphertext and behind it the tag: so many bytes more than the plaintext has */
  seal(key: Uint8Array, nonce: Uint8Array, plaintext: Uint8Array, into: Uint8Array): void
  /**
   * @param sealed ciphertext and tag
   * @param into gets the plaintext, or zeros where it is not authentic
   * @returns whether it is authentic
   */
  open(key: Uint8Array, nonce: Uint8Array, sealed: Uint8Array, into: Uint8Array): boolean
}

const known: { chachaPoly?: ChachaPoly } = {}

/** OpenSSL itself where this program can be asked for it, else over Node, which makes a buffer of its own for every result: two to three times the work. */
export function chachaPoly(): ChachaPoly {
  return (known.chachaPoly ??= nativeChachaPoly() ?? nodeChachaPoly)
}

/** EVP_CTRL_AEAD_GET_TAG and EVP_CTRL_AEAD_SET_TAG of openssl/evp.h */
const getTag = 0x10
const setTag = 0x11

/** What Node's program tells its native modules of the OpenSSL in it (EVP_EncryptInit(3)). @returns `null` where it tells nothing */
export function nativeChachaPoly(): ChachaPoly | null {
  try {
    const program = koffi.load(null)
    const type = (program.func('void *EVP_chacha20_poly1305()') as () => unknown)()
    const context = (program.func('void *EVP_CIPHER_CTX_new()') as () => unknown)()
    const init: (context: unknown, type: unknown, engine: null, key: Uint8Array | null, nonce: Uint8Array | null, seals: 0 | 1) => number =
      program.func('int EVP_CipherInit_ex(void *context, void *type, void *engine, const void *key, const void *nonce, int seals)')
    const update: (context: unknown, into: Uint8Array, written: [number], from: Uint8Array, length: number) => number = program.func(
      'int EVP_CipherUpdate(void *context, void *into, _Out_ int *written, const void *from, int length)',
    )
    const final: (context: unknown, into: Uint8Array, written: [number]) => number = program.func(
      'int EVP_CipherFinal_ex(void *context, void *into, _Out_ int *written)',
    )
    const control: (context: unknown, command: number, length: number, bytes: Uint8Array) => number = program.func(
      'int EVP_CIPHER_CTX_ctrl(void *context, int command, int length, void *bytes)',
    )
    if (type === null || context === null || init(context, type, null, null, null, 1) !== 1) return null
    const nowhere = new Uint8Array(1)
    const written: [number] = [0]

    const turn = (from: Uint8Array, into: Uint8Array): boolean =>
      from.length === 0 || (update(context, into, written, from, from.length) === 1 && written[0] === from.length)

    return {
      seal(key, nonce, plaintext, into) {
        requireSizes(key, nonce, plaintext.length + chachaPolyTagBytes, into)
        const isDone =
          init(context, null, null, key, nonce, 1) === 1 &&
          turn(plaintext, into) &&
          final(context, nowhere, written) === 1 &&
          control(context, getTag, chachaPolyTagBytes, into.subarray(plaintext.length)) === 1
        if (!isDone) throw new Error('OpenSSL does not encrypt')
      },
      open(key, nonce, sealed, into) {
        const length = sealed.length - chachaPolyTagBytes
        requireSizes(key, nonce, length, into)
        const isReady = init(context, null, null, key, nonce, 0) === 1 && control(context, setTag, chachaPolyTagBytes, sealed.subarray(length)) === 1
        if (!isReady) throw new Error('OpenSSL does not decrypt')
        if (turn(sealed.subarray(0, length), into) && final(context, nowhere, written) === 1) return true
        into.fill(0, 0, length)
        return false
      },
    }
  } catch {
    return null // a program that tells nothing of its OpenSSL, or has none
  }
}

/** What is handed to native code is of the sizes it takes it to be. */
function requireSizes(key: Uint8Array, nonce: Uint8Array, resultBytes: number, into: Uint8Array): void {
  const fits = key.length === chachaPolyKeyBytes && nonce.length === chachaPolyNonceBytes && resultBytes >= 0 && resultBytes <= into.length
  if (!fits) throw new RangeError('a key, a nonce or a buffer is not of its size')
}

const algorithm = 'chacha20-poly1305'
const options = { authTagLength: chachaPolyTagBytes }

export const nodeChachaPoly: ChachaPoly = {
  seal(key, nonce, plaintext, into) {
    requireSizes(key, nonce, plaintext.length + chachaPolyTagBytes, into)
    const cipher = createCipheriv(algorithm, key, nonce, options)
    into.set(cipher.update(plaintext))
    cipher.final()
    into.set(cipher.getAuthTag(), plaintext.length)
  },
  open(key, nonce, sealed, into) {
    const length = sealed.length - chachaPolyTagBytes
    requireSizes(key, nonce, length, into)
    const decipher = createDecipheriv(algorithm, key, nonce, options)
    decipher.setAuthTag(sealed.subarray(length))
    into.set(decipher.update(sealed.subarray(0, length)))
    try {
      decipher.final()
      return true
    } catch {
      into.fill(0, 0, length)
      return false // the one thing that final() checks is the tag
    }
  },
}
