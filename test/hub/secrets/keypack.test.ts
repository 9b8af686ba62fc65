import { expect, test } from 'vitest'
import { type Keypack, openKeypack, sealKeypack } from '../../../src/hub/secrets/keypack.ts'
import { generateAgeKeyPair } from '../../../src/lib/age-keys.ts'
import { cheapPasswords } from '../../support/http-hub.ts'

const passphrase = 'eleven tin soldiers'
const keypack: Keypack = {
  made_at: 1_000,
  master_key: Buffer.alloc(32, 7).toString('base64'),
  age_keys: ['default', 'attic'].map((name, created_at) => ({ name, created_at, ...generateAgeKeyPair() })),
}

test('a keypack opens with its passphrase, and shows nothing of what is in it without', async () => {
  const text = await sealKeypack(keypack, passphrase, cheapPasswords)
  expect(await openKeypack(text, passphrase)).toEqual(keypack)
  for (const secret of [keypack.master_key, 'AGE-SECRET-KEY', 'age1', 'default']) {
    expect(text).not.toContain(secret)
    expect(Buffer.from((JSON.parse(text) as { sealed: string }).sealed, 'base64').toString('latin1')).not.toContain(secret)
  }
  expect(await sealKeypack(keypack, passphrase, cheapPasswords)).not.toBe(text)
})

test('another passphrase opens nothing, nor does a file in which anything was changed', async () => {
  const text = await sealKeypack(keypack, passphrase, cheapPasswords)
  await expect(openKeypack(text, 'eleven tin soldier')).rejects.toMatchObject({
    code: 'invalid_spec',
    message: expect.stringContaining('passphrase'),
  })
  const file = JSON.parse(text) as { kdf: object; sealed: string }
  const sealed = Buffer.from(file.sealed, 'base64')
  for (const at of [0, 1, 20, 40, sealed.length - 1]) {
    const changed = Buffer.from(sealed)
    changed[at]! ^= 1
    await expect(openKeypack(JSON.stringify({ ...file, sealed: changed.toString('base64') }), passphrase)).rejects.toMatchObject({
      code: 'invalid_spec',
    })
  }
  const cheaper = { ...file, kdf: { ...file.kdf, memory_kib: 32 } }
  await expect(openKeypack(JSON.stringify(cheaper), passphrase)).rejects.toMatchObject({ code: 'invalid_spec' })
})

test('what is no keypack is said to be none, above all one that would take all memory or time', async () => {
  const file = JSON.parse(await sealKeypack(keypack, passphrase, cheapPasswords)) as { kdf: object }
  const greedy = [{ memory_kib: 2 ** 30 }, { passes: 1e9 }, { lanes: 1000 }, { salt: '' }, { name: 'scrypt' }].map((kdf) => ({
    ...file,
    kdf: { ...file.kdf, ...kdf },
  }))
  for (const text of ['', '[]', '{"format":"bastion_keypack_v2"}', ...greedy.map((each) => JSON.stringify(each))]) {
    await expect(openKeypack(text, passphrase)).rejects.toMatchObject({ code: 'invalid_spec', message: 'this is no keypack' })
  }
})

test('an identity that is not the one of its recipient gets into no keypack', async () => {
  const [one, other] = keypack.age_keys
  const wrong = { ...keypack, age_keys: [{ ...one!, recipient: other!.recipient }] }
  await expect(sealKeypack(wrong, passphrase, cheapPasswords)).rejects.toThrow('not the one of its recipient')
})
