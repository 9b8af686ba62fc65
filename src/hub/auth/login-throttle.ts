import { isIPv6 } from 'node:net'
import type { Clock } from '../../core/clock.ts'
import { BastionError } from '../../core/errors.ts'

/**
 * Makes guessing passwords slow. From one address some attempts may fail, then each one has to wait twice as long as the one before, up to a quarter of an hour; for one
 * name, from wherever, more may fail and the wait stays short: nobody can lock another out.
 */
export interface LoginThrottle {
  /** Before a password is looked at: it counts as failed until it has succeeded, so that a hundred at once are a hundred. @throws too_many_requests with `details.retry_after_s` */
  begin(attempt: LoginAttempt): void
  /** Takes back this one attempt and no other: whoever has an account of their own cannot buy guesses with it. */
  succeeded(attempt: LoginAttempt): void
}

export interface LoginAttempt {
  address: string
  username: string
}

interface Limit {
  free: number
  longestWaitMs: number
}

const minuteMs = 60_000
const byAddress: Limit = { free: 5, longestWaitMs: 15 * minuteMs }
const byName: Limit = { free: 20, longestWaitMs: minuteMs / 2 }
/** What nobody has tried for so long is forgotten. */
const forgottenAfterMs = 60 * minuteMs
const mostRemembered = 10_000

export function createLoginThrottle(clock: Clock): LoginThrottle {
  const addresses = createFailures(clock, byAddress)
  const names = createFailures(clock, byName)
  const keysOf = ({ address, username }: LoginAttempt) => [[addresses, networkOf(address)] as const, [names, username.toLowerCase()] as const]
  return {
    begin(attempt) {
      const waitMs = Math.max(...keysOf(attempt).map(([failures, key]) => failures.waitMs(key)))
      if (waitMs <= 0) {
        for (const [failures, key] of keysOf(attempt)) failures.add(key)
        return
      }
      const seconds = Math.ceil(waitMs / 1000)
      throw new BastionError('too_many_requests', `too many attempts to sign in have failed; the next one may be made in ${seconds} s`, {
        details: { retry_after_s: seconds },
      })
    },
    succeeded(attempt) {
      for (const [failures, key] of keysOf(attempt)) failures.takeBack(key)
    },
  }
}

function createFailures(clock: Clock, { free, longestWaitMs }: Limit) {
  /** in the order of their last failure */
  const known = new Map<string, { count: number; lastAt: number }>()
  return {
    waitMs(key: string): number {
      const failures = known.get(key)
      if (failures === undefined || failures.count < free) return 0
      const pauseMs = Math.min(longestWaitMs, 1000 * 2 ** (failures.count - free))
      return failures.lastAt + pauseMs - clock.now()
    },
    add(key: string): void {
      const now = clock.now()
      const before = known.get(key)
      known.delete(key)
      known.set(key, { count: 1 + (before === undefined || before.lastAt < now - forgottenAfterMs ? 0 : before.count), lastAt: now })
      const [oldest] = known.keys()
      if (known.size > mostRemembered && oldest !== undefined) known.delete(oldest)
    },
    takeBack(key: string): void {
      const failures = known.get(key)
      if (failures !== undefined && --failures.count === 0) known.delete(key)
    },
  }
}

/** A person has a whole /64 of IPv6 addresses. */
function networkOf(address: string): string {
  if (!isIPv6(address)) return address
  const [head = '', tail] = address.toLowerCase().split('::')
  if (tail === undefined) return head.split(':').slice(0, 4).join(':')
  if (head === '' && tail.includes('.')) return tail.slice(tail.lastIndexOf(':') + 1) // an IPv4 address as IPv6 sees it
  const front = head === '' ? [] : head.split(':')
  const back = tail === '' ? [] : tail.split(':')
  return [...front, ...Array.from({ length: 8 - front.length - back.length }, () => '0'), ...back].slice(0, 4).join(':')
}
