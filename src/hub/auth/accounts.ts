import { randomBytes } from 'node:crypto'
import type { Clock } from '../../core/clock.ts'
import { BastionError } from '../../core/errors.ts'
import { uuidv7 } from '../../core/ids.ts'
import type { Store } from '../store/store.ts'
import type { UserRecord } from '../store/user-store.ts'
import { createLoginThrottle, type LoginAttempt } from './login-throttle.ts'
import type { Passwords } from './passwords.ts'

/** The people of this Hub and their passwords. */
export interface Accounts {
  isSetUp(): Promise<boolean>
  /** The first administrator. @throws conflict when there is somebody already */
  setUp(username: string, password: string): Promise<UserRecord>
  /** @throws sign_in_failed, in the same words and the same time whatever was wrong; too_many_requests */
  signIn(attempt: LoginAttempt, password: string): Promise<UserRecord>
  /** Asks for the password of somebody who is signed in again. @throws sign_in_failed · too_many_requests */
  confirm(user: UserRecord, address: string, password: string): Promise<void>
  changePassword(user: UserRecord, newPassword: string): Promise<void>
}

interface AccountsOptions {
  store: Store
  clock: Clock
  passwords: Passwords
}

export function createAccounts({ store, clock, passwords }: AccountsOptions): Accounts {
  const throttle = createLoginThrottle(clock)

  async function verified(attempt: LoginAttempt, password: string, user: UserRecord | null): Promise<UserRecord> {
    throttle.begin(attempt)
    const isRight = await passwords.verify(password, user?.password_hash ?? null)
    if (!isRight || user === null || user.disabled_at !== null) throw new BastionError('sign_in_failed', 'the user name or the password is wrong')
    throttle.succeeded(attempt)
    return user
  }

  async function keepPassword(user: UserRecord, password: string): Promise<void> {
    await store.users.update(user.id, { password_hash: await passwords.hash(password), updated_at: clock.now() })
  }

  return {
    isSetUp: () => store.users.any(),
    async setUp(username, password) {
      const now = clock.now()
      const user: UserRecord = {
        id: uuidv7(now, randomBytes(10)),
        name: username,
        role: 'admin',
        password_hash: await passwords.hash(password),
        created_at: now,
        updated_at: now,
        disabled_at: null,
      }
      await store.transaction(async (tx) => {
        if ((await tx.users.any()) || !(await tx.users.insert(user))) throw alreadySetUp()
      })
      return user
    },
    async signIn(attempt, password) {
      const user = await verified(attempt, password, await store.users.byName(attempt.username))
      if (passwords.isOutdated(user.password_hash)) await keepPassword(user, password)
      return user
    },
    async confirm(user, address, password) {
      await verified({ address, username: user.name }, password, user)
    },
    changePassword: keepPassword,
  }
}

function alreadySetUp(): BastionError {
  return new BastionError('conflict', 'this Hub has its administrator already', { hint: 'Sign in.' })
}
