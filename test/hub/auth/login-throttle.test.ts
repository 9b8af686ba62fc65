import { expect, test } from 'vitest'
import { createLoginThrottle, type LoginThrottle } from '../../../src/hub/auth/login-throttle.ts'
import { createFakeClock } from '../../support/fake-clock.ts'

/** Seconds to wait; 0 when the attempt may be made. */
function attempt(throttle: LoginThrottle, address: string, username: string): number {
  try {
    throttle.begin({ address, username })
    return 0
  } catch (error) {
    return (error as { details: { retry_after_s: number } }).details.retry_after_s
  }
}

test('after five attempts from an address each one waits twice as long, up to a quarter of an hour', () => {
  const clock = createFakeClock(0)
  const throttle = createLoginThrottle(clock)
  for (let number = 0; number < 5; number += 1) expect(attempt(throttle, '192.0.2.1', `user ${number}`)).toBe(0)
  const waits: number[] = []
  for (let number = 0; number < 12; number += 1) {
    const seconds = attempt(throttle, '192.0.2.1', `another ${number}`)
    waits.push(seconds)
    clock.advance(seconds * 1000)
    expect(attempt(throttle, '192.0.2.1', `another ${number}`)).toBe(0)
  }
  expect(waits).toEqual([1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 900, 900])
  expect(attempt(throttle, '192.0.2.2', 'somebody else')).toBe(0)
  clock.advance(3_600_001)
  expect(attempt(throttle, '192.0.2.1', 'ada')).toBe(0)
})

test('attempts for one name from many addresses wait half a minute at most: nobody can lock another out', () => {
  const clock = createFakeClock(0)
  const throttle = createLoginThrottle(clock)
  let longest = 0
  for (let number = 0; number < 60; number += 1) {
    const seconds = attempt(throttle, `192.0.2.${number}`, number % 2 === 0 ? 'ada' : 'ADA')
    longest = Math.max(longest, seconds)
    clock.advance(seconds * 1000)
    if (seconds > 0) expect(attempt(throttle, `192.0.2.${number}`, 'ada')).toBe(0)
  }
  expect(longest).toBe(30)
})

test('attempts count while they are under way, and a success takes back its own and no other', () => {
  const clock = createFakeClock(0)
  const throttle = createLoginThrottle(clock)
  const mine = { address: '192.0.2.1', username: 'mallory' }
  for (let number = 0; number < 4; number += 1) expect(attempt(throttle, mine.address, 'ada')).toBe(0)
  for (let number = 0; number < 10; number += 1) {
    throttle.begin(mine)
    throttle.succeeded(mine)
  }
  expect(attempt(throttle, mine.address, 'ada')).toBe(0)
  expect(attempt(throttle, mine.address, 'ada')).toBe(1)
})

test.each([
  ['2001:db8:1:2:aaaa::1', '2001:db8:1:2::9', true],
  ['2001:db8:1:2::1', '2001:db8:1:3::1', false],
  ['::ffff:192.0.2.1', '192.0.2.1', true],
  ['::1', '::2', true],
])('%s and %s are one: %s', (first, second, areOne) => {
  const throttle = createLoginThrottle(createFakeClock(0))
  for (let number = 0; number < 5; number += 1) expect(attempt(throttle, first, `user ${number}`)).toBe(0)
  expect(attempt(throttle, second, 'ada') > 0).toBe(areOne)
})
