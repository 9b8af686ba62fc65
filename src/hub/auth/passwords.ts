import { BastionError } from '../../core/errors.ts'
import { createLimitedLane } from '../../lib/limited-lane.ts'
import { hashPassword, isOutdated, type PasswordCost, verifyPassword } from '../../lib/password-hash.ts'

/** Hashes of passwords. Each takes 64 MiB and a core for a moment, so few are made at a time and few wait. Throws `too_many_requests` beyond that. */
export interface Passwords {
  hash(password: string): Promise<string>
  /** @param hash null when there is no such user: it takes as long, so that nobody can tell by the time */
  verify(password: string, hash: string | null): Promise<boolean>
  /** Whether `hash` should be made anew, at the next occasion. */
  isOutdated(hash: string): boolean
}

export function createPasswords(cost: PasswordCost): Passwords {
  const lane = createLimitedLane({ atOnce: 2, waiting: 20 })
  // Nobody's: made of what is never asked for.
  let nobodys: Promise<string> | undefined

  function inTurn<Result>(task: () => Promise<Result>): Promise<Result> {
    return lane.run(task) ?? Promise.reject(new BastionError('too_many_requests', 'too many people sign in at this moment'))
  }

  return {
    hash: (password) => inTurn(() => hashPassword(password, cost)),
    async verify(password, hash) {
      nobodys ??= hashPassword('', cost)
      const against = hash ?? (await nobodys)
      return (await inTurn(() => verifyPassword(password, against))) && hash !== null
    },
    isOutdated: (hash) => isOutdated(hash, cost),
  }
}
