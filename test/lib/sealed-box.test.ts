import { randomBytes } from 'node:crypto'
import { expect, test } from 'vitest'
import { createSealedBox, SealBrokenError, sealingKeyBytes } from '../../src/lib/sealed-box.ts'

const box = createSealedBox(randomBytes(sealingKeyBytes))
const content = Buffer.from('a secret')

test('what was sealed opens for what it was sealed for, and is another every time', () => {
  const sealed = box.seal(content, 'here')
  expect(Buffer.from(box.open(sealed, 'here'))).toEqual(content)
  expect(Buffer.from(box.seal(content, 'here'))).not.toEqual(Buffer.from(sealed))
  expect(Buffer.from(sealed).includes(content)).toBe(false)
})

test('it opens for nothing else, with no other key, and not when a single bit of it is another', () => {
  const sealed = box.seal(content, 'here')
  expect(() => box.open(sealed, 'there')).toThrow(SealBrokenError)
  expect(() => createSealedBox(randomBytes(sealingKeyBytes)).open(sealed, 'here')).toThrow(SealBrokenError)
  for (let at = 0; at < sealed.length; at += 1) {
    const changed = Uint8Array.from(sealed)
    changed[at]! ^= 1
    expect(() => box.open(changed, 'here')).toThrow(SealBrokenError)
    expect(() => box.open(sealed.subarray(0, at), 'here')).toThrow(SealBrokenError)
  }
})
