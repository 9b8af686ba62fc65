import { expect, test } from 'vitest'
import { hashPassword, isOutdated, verifyPassword } from '../../src/lib/password-hash.ts'

const cost = { memoryKib: 64, passes: 2, lanes: 1 }

test('a hash that another program made is verified', async () => {
  // From the tests of the reference implementation (P-H-C/phc-winner-argon2, src/test.c).
  const hash = '$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc'
  expect(await verifyPassword('password', hash)).toBe(true)
  expect(await verifyPassword('Password', hash)).toBe(false)
})

test('a hash is a PHC string with a salt of its own, and says when its cost is not the one of today', async () => {
  const [first, second] = await Promise.all([hashPassword('geheim', cost), hashPassword('geheim', cost)])
  expect(first).toMatch(/^\$argon2id\$v=19\$m=64,t=2,p=1\$[A-Za-z0-9+/]{22}\$[A-Za-z0-9+/]{43}$/)
  expect(first).not.toBe(second)
  expect(isOutdated(first, cost)).toBe(false)
  expect(isOutdated(first, { ...cost, memoryKib: 128 })).toBe(true)
})

test('one password is one, however its letters are put together', async () => {
  expect(await verifyPassword('caf\u0065\u0301', await hashPassword('caf\u00e9', cost))).toBe(true)
})

test.each(['', 'plain', '$argon2i$v=19$m=64,t=2,p=1$AAAA$AAAA', '$2b$10$abc'])('%j is no hash to compare with', async (hash) => {
  await expect(verifyPassword('x', hash)).rejects.toThrow('PHC')
})
