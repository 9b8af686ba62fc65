import { randomBytes } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import { type ChachaPoly, chachaPoly, chachaPolyTagBytes, nativeChachaPoly, nodeChachaPoly } from '../../src/lib/chacha-poly.ts'

const native = nativeChachaPoly()
const kinds: [string, ChachaPoly | null][] = [
  ['of the program itself', native],
  ['over Node', nodeChachaPoly],
]
const sizes = [0, 1, 15, 16, 17, 63, 64, 65, 4096, 65_535, 65_536]

function sealed(cipher: ChachaPoly, key: Uint8Array, nonce: Uint8Array, plaintext: Uint8Array): Buffer {
  const into = Buffer.alloc(plaintext.length + chachaPolyTagBytes, 0xee)
  cipher.seal(key, nonce, plaintext, into)
  return into
}

test('the Node that is bundled tells of its OpenSSL', () => {
  expect(native).not.toBeNull()
  expect(chachaPoly()).not.toBe(nodeChachaPoly)
})

describe.each(kinds)('ChaCha20-Poly1305 %s', (_, maybe) => {
  const cipher = maybe!

  test('seals as the RFC says', () => {
    // RFC 8439, A.5, but for its additional data, which we never have: tag and text are those of its key and nonce without.
    const key = Buffer.from('1c9240a5eb55d38af333888604f6b5f0473917c1402b80099dca5cbc207075c0', 'hex')
    const nonce = Buffer.from('000000000102030405060708', 'hex')
    const text = Buffer.from('Internet-Drafts are draft documents valid')
    const into = sealed(cipher, key, nonce, text)
    expect(into.subarray(0, 16).toString('hex')).toBe('64a0861575861af460f062c79be643bd')
    expect(into.subarray(-16).equals(sealed(nodeChachaPoly, key, nonce, text).subarray(-16))).toBe(true)
  })

  test.each(sizes)('opens what the other one has sealed, of %i bytes, in the middle of larger buffers', (size) => {
    const [key, nonce, plaintext] = [randomBytes(32), randomBytes(12), randomBytes(size)]
    for (const [, other] of kinds) {
      const around = Buffer.alloc(size + chachaPolyTagBytes + 8, 0xee)
      other!.seal(key, nonce, plaintext, around.subarray(4, -4))
      expect(around.subarray(4, -4).equals(sealed(cipher, key, nonce, plaintext))).toBe(true)
      const opened = Buffer.alloc(size + 8, 0xee)
      expect(cipher.open(key, nonce, around.subarray(4, -4), opened.subarray(4, -4))).toBe(true)
      expect(opened.subarray(4, -4).equals(plaintext)).toBe(true)
      for (const edge of [around, opened]) for (const byte of [...edge.subarray(0, 4), ...edge.subarray(-4)]) expect(byte).toBe(0xee)
    }
  })

  test('opens nothing that differs in one bit, and leaves no plaintext of it', () => {
    const [key, nonce, plaintext] = [randomBytes(32), randomBytes(12), randomBytes(100)]
    const whole = sealed(cipher, key, nonce, plaintext)
    const opens = (one: { key?: Buffer; nonce?: Buffer; bytes?: Buffer }): boolean => {
      const into = Buffer.alloc(100, 0xee)
      const isAuthentic = cipher.open(one.key ?? key, one.nonce ?? nonce, one.bytes ?? whole, into)
      if (!isAuthentic) expect(into.equals(Buffer.alloc(100))).toBe(true)
      return isAuthentic
    }
    const flipped = (bytes: Buffer, bit: number): Buffer => {
      const other = Buffer.from(bytes)
      other[bit >>> 3]! ^= 1 << (bit & 7)
      return other
    }
    expect(opens({})).toBe(true)
    for (let bit = 0; bit < whole.length * 8; bit++) expect(opens({ bytes: flipped(whole, bit) })).toBe(false)
    expect(opens({ key: flipped(key, 9) })).toBe(false)
    expect(opens({ nonce: flipped(nonce, 95) })).toBe(false)
    // One that failed leaves nothing behind for the next.
    expect(opens({})).toBe(true)
  })

  test('takes nothing that is not of its size', () => {
    const [key, nonce] = [randomBytes(32), randomBytes(12)]
    const into = Buffer.alloc(16)
    expect(() => cipher.seal(key.subarray(1), nonce, Buffer.alloc(0), into)).toThrow(RangeError)
    expect(() => cipher.seal(key, nonce.subarray(1), Buffer.alloc(0), into)).toThrow(RangeError)
    expect(() => cipher.seal(key, nonce, Buffer.alloc(1), into)).toThrow(RangeError)
    expect(() => cipher.open(key, nonce, Buffer.alloc(15), into)).toThrow(RangeError)
    expect(() => cipher.open(key, nonce, Buffer.alloc(33), into)).toThrow(RangeError)
  })
})
