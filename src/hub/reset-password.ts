import type { Clock } from '../core/clock.ts'
import { BastionError } from '../core/errors.ts'
import { hashPassword, type PasswordCost } from '../lib/password-hash.ts'
import { newPasswordSchema } from '../protocol/http/account-schema.ts'
import { openDataDirectory } from './open-data-directory.ts'

interface ResetOptions {
  dataDirectory: string
  username: string
  password: string
  passwordCost: PasswordCost
  clock: Clock
}

/**
 * Gives somebody another password, where a Hub does not run: whoever may write its data directory may sign in. All sessions of that user end.
 * @throws not_found without such a user or Hub · conflict while the Hub runs · invalid_spec when the password is too short
 */
export async function resetPassword({ dataDirectory, username, password, passwordCost, clock }: ResetOptions): Promise<void> {
  const { error } = newPasswordSchema.safeParse(password)
  if (error !== undefined) throw new BastionError('invalid_spec', error.issues[0]!.message)
  await using store = await openDataDirectory({ dataDirectory, clock, how: 'alone' })
  const user = await store.users.byName(username)
  if (user === null) {
    const names = (await store.users.list()).map(({ name }) => name)
    throw new BastionError('not_found', `this Hub has no user ${username}`, { hint: `It has ${names.length === 0 ? 'none yet' : names.join(', ')}.` })
  }
  const password_hash = await hashPassword(password, passwordCost)
  await store.transaction(async (tx) => {
    await tx.users.update(user.id, { password_hash, updated_at: clock.now() })
    await tx.sessions.removeOf(user.id)
  })
}
