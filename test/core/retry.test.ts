import { expect, test } from 'vitest'
import { retryDelayMs } from '../../src/core/retry.ts'

const minute = 60_000

test('two more attempts come after a minute and after half an hour', () => {
  expect([1, 2, 3].map((attempt) => retryDelayMs('target_unreachable', attempt, 2))).toEqual([minute, 30 * minute, null])
})

test('more attempts lie between these, each later than the one before', () => {
  const delays = [1, 2, 3, 4, 5, 6].map((attempt) => retryDelayMs('interrupted', attempt, 5))
  expect(delays[0]).toBe(minute)
  expect(delays[4]).toBe(30 * minute)
  expect(delays[5]).toBeNull()
  expect(delays.slice(0, 5)).toEqual((delays.slice(0, 5) as number[]).toSorted((a, b) => a - b))
  expect(retryDelayMs('interrupted', 1, 1)).toBe(minute)
})

test('what will not pass by itself is not tried again', () => {
  expect(retryDelayMs('target_auth', 1, 2)).toBeNull()
  expect(retryDelayMs('interrupted', 1, 0)).toBeNull()
})
