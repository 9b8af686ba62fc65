import { expect, test } from 'vitest'
import { createLimitedLane } from '../../src/lib/limited-lane.ts'

test('so many run, so many wait, and the rest is turned away; a failure makes room as a success does', async () => {
  const lane = createLimitedLane({ atOnce: 2, waiting: 1 })
  const gates = Array.from({ length: 3 }, () => Promise.withResolvers<string>())
  let started = 0
  const results = gates.map((gate) =>
    lane.run(() => {
      started += 1
      return gate.promise
    }),
  )
  expect(started).toBe(2)
  expect(lane.run(() => Promise.resolve('too many'))).toBeNull()
  gates[0]!.reject(new Error('broken'))
  await expect(results[0]).rejects.toThrow('broken')
  gates[1]!.resolve('second')
  gates[2]!.resolve('third')
  expect(await Promise.all([results[1], results[2]])).toEqual(['second', 'third'])
  expect(started).toBe(3)
  expect(await lane.run(() => Promise.resolve('again'))).toBe('again')
})
