import { randomBytes } from 'node:crypto'
import { z } from 'zod'
import { BastionError } from '../../core/errors.ts'
import { keyNameSchema } from '../../core/job.ts'
import { timestampSchema } from '../../core/timestamp.ts'
import { AgeKeyError, recipientOfIdentity } from '../../lib/age-keys.ts'
import { keyFromPassword, type PasswordCost } from '../../lib/password-hash.ts'
import { createSealedBox, SealBrokenError, sealingKeyBytes } from '../../lib/sealed-box.ts'

/** What opens everything of a Hub: the key of what is sealed in its database, and the identities of its backups. The format is in docs/design/keys.md. */
export const keypackSchema = z.strictObject({
  made_at: timestampSchema,
  master_key: z.base64().refine((text) => Buffer.from(text, 'base64').length === sealingKeyBytes, 'a master key has 32 bytes'),
  age_keys: z.array(
    z
      .strictObject({ name: keyNameSchema, recipient: z.string(), identity: z.string(), created_at: timestampSchema })
      .refine(({ identity, recipient }) => isPair(identity, recipient), 'the identity is not the one of its recipient'),
  ),
})
export type Keypack = z.infer<typeof keypackSchema>

/** Bounded, so that a file somebody has made cannot take the memory or the day of who opens it. */
const fileSchema = z.strictObject({
  format: z.literal('bastion_keypack_v1'),
  kdf: z.strictObject({
    name: z.literal('argon2id'),
    memory_kib: z
      .int()
      .min(8)
      .max(2 ** 21),
    passes: z.int().min(1).max(64),
    lanes: z.literal(1),
    salt: z.base64().refine((text) => Buffer.from(text, 'base64').length >= 16, 'a salt has at least 16 bytes'),
  }),
  sealed: z.base64(),
})

/** What is lost with it is everything, and somebody may try passphrases on a copy for years: four times a password's memory. */
export const keypackCost: PasswordCost = { memoryKib: 262_144, passes: 4, lanes: 1 }

export const passphraseSchema = z.string().min(12, 'a passphrase has at least 12 characters').max(1024, 'a passphrase has at most 1024 characters')

const place = 'keypack bastion_keypack_v1'

/** The text of a keypack file. */
export async function sealKeypack(keypack: Keypack, passphrase: string, cost: PasswordCost): Promise<string> {
  const salt = randomBytes(16)
  const key = await keyFromPassword(passphrase, cost, salt, sealingKeyBytes)
  const sealed = createSealedBox(key).seal(Buffer.from(JSON.stringify(keypackSchema.parse(keypack))), place)
  const kdf = {
    name: 'argon2id' as const,
    memory_kib: cost.memoryKib,
    passes: cost.passes,
    lanes: 1 as const,
    salt: salt.toString('base64'),
  }
  const file: z.infer<typeof fileSchema> = { format: 'bastion_keypack_v1', kdf, sealed: Buffer.from(sealed).toString('base64') }
  return `${JSON.stringify(file, null, 2)}\n`
}

/** @throws invalid_spec when it is no keypack, the passphrase is another or the file was changed */
export async function openKeypack(text: string, passphrase: string): Promise<Keypack> {
  const { kdf, sealed } = parseFile(text)
  const cost = { memoryKib: kdf.memory_kib, passes: kdf.passes, lanes: kdf.lanes }
  const key = await keyFromPassword(passphrase, cost, Buffer.from(kdf.salt, 'base64'), sealingKeyBytes)
  try {
    return keypackSchema.parse(JSON.parse(Buffer.from(createSealedBox(key).open(Buffer.from(sealed, 'base64'), place)).toString()))
  } catch (error) {
    if (!(error instanceof SealBrokenError)) throw error
    throw new BastionError('invalid_spec', 'the keypack does not open: the passphrase is another one, or the file was changed', {
      cause: error,
      hint: 'Type it again; capital letters and spaces count.',
    })
  }
}

function parseFile(text: string): z.infer<typeof fileSchema> {
  try {
    return fileSchema.parse(JSON.parse(text))
  } catch (error) {
    throw new BastionError('invalid_spec', 'this is no keypack', { cause: error, hint: 'A keypack is made by "bastion keypack export".' })
  }
}

function isPair(identity: string, recipient: string): boolean {
  try {
    return recipientOfIdentity(identity) === recipient
  } catch (error) {
    if (!(error instanceof AgeKeyError)) throw error
    return false
  }
}
