import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  type Brake,
  brakeKinds,
  clockCause,
  deletesCause,
  failingCause,
  isClean,
  isOverdue,
  nextBrake,
  type TargetDeletes,
  watchClock,
} from '../../../src/core/retention-brakes.ts'
import { brakeReleases } from '../../../src/core/retention-text.ts'
import { seed } from '../../support/seed.ts'

const hour = 3_600_000
const day = 24 * hour

describe('failing', () => {
  /** newest first: c clean, x not */
  const runs = (text: string) => [...text].map((letter, index) => ({ run_id: `${index}`, clean: letter === 'c' }))

  test.each([
    ['', false],
    ['x', false],
    ['xx', false],
    ['xxx', true],
    ['xxxx', true],
    ['xxxc', true],
    ['xxcx', false],
    ['cxxx', false],
    ['xcxx', false],
    ['ccc', false],
  ])('after %j it is on: %j', (text, isOn) => {
    expect(failingCause(runs(text)) !== null).toBe(isOn)
  })

  test.each([
    [{ isComplete: true, unreadable: 0, holes: [] }, [], true],
    [{ isComplete: false, unreadable: 0, holes: [] }, [], false],
    [{ isComplete: true, unreadable: 1, holes: [] }, [], false],
    [{ isComplete: true, unreadable: 0, holes: ['/a'] }, [], false],
    [{ isComplete: true, unreadable: 0, holes: ['/a'] }, ['/a', '/b'], true],
    [{ isComplete: true, unreadable: 0, holes: ['/a', '/c'] }, ['/a', '/b'], false],
  ])('%j with holes %j before is clean: %j', (run, before, clean) => {
    expect(isClean(run, before)).toBe(clean)
  })
})

describe('clock', () => {
  const start = Date.UTC(2026, 2, 1)

  test('the first look ever is no jump, and a day between two looks is none', () => {
    const first = watchClock(null, start)
    expect(clockCause(first)).toBeNull()
    expect(clockCause(watchClock(first, start + day))).toBeNull()
    expect(clockCause(watchClock(first, start - day))).toBeNull()
  })

  test.each([day + 1, -day - 1, 400 * day, -400 * day])('a jump by %d ms is one, and is over after a steady day', (by) => {
    let watch = watchClock(watchClock(null, 500 * day), 500 * day + by)
    const to = 500 * day + by
    expect(clockCause(watch)).toEqual({ kind: 'clock', from: 500 * day, to })
    for (let hours = 1; hours < 24; hours++) {
      watch = watchClock(watch, to + hours * hour)
      expect(clockCause(watch)).not.toBeNull()
    }
    expect(clockCause(watchClock(watch, to + day))).toBeNull()
  })

  test('a jump back is another one, from which the steady day counts anew', () => {
    const ahead = watchClock(watchClock(null, start), start + 30 * day)
    const back = watchClock(watchClock(ahead, start + 30 * day + 23 * hour), start + hour)
    expect(clockCause(back)).toEqual({ kind: 'clock', from: start + 30 * day + 23 * hour, to: start + hour })
    expect(clockCause(watchClock(back, start + 24 * hour))).not.toBeNull()
    expect(clockCause(watchClock(back, start + 25 * hour))).toBeNull()
  })

  test('a clock that creeps back does not make the day shorter', () => {
    let watch = watchClock(watchClock(null, start), start + 2 * day)
    for (let look = 0; look < 10; look++) watch = watchClock(watch, start + 2 * day - look * hour)
    expect(clockCause(watch)).not.toBeNull()
  })
})

describe('deletes', () => {
  const deletes = (facts: Partial<TargetDeletes>): TargetDeletes => ({
    target_id: 't',
    failing: 1,
    last_failure: { run_id: 'r', at: 1000, error: 'no' },
    last_success_at: null,
    ...facts,
  })

  test.each([
    ['one fails and none ever succeeded', {}, true],
    ['one fails after the last success', { last_success_at: 999 }, true],
    ['the success is of the same moment: nobody knows which was first', { last_success_at: 1000 }, true],
    ['one succeeds after the failure', { last_success_at: 1001 }, false],
    ['those that failed are ignored or done', { failing: 0, last_failure: null }, false],
    ['nothing was ever deleted', { failing: 0, last_failure: null, last_success_at: null }, false],
  ] as const)('%s', (_title, facts, isOn) => {
    expect(deletesCause(deletes(facts), null) !== null).toBe(isOn)
  })

  test('a failed delete that is tried again keeps the brake on until something is deleted, or it is ignored', () => {
    const before = { kind: 'deletes', target_id: 't', run_id: 'r', at: 1000, total: 1, error: 'no' } as const
    const waiting = deletes({ failing: 0, last_failure: null })
    expect(deletesCause(waiting, before)).toBe(before)
    expect(deletesCause({ ...waiting, last_success_at: 1000 }, before)).toBe(before)
    expect(deletesCause({ ...waiting, last_success_at: 1001 }, before)).toBeNull()
    expect(deletesCause(waiting, null)).toBeNull()
  })
})

test('a brake stays on since it came on, whatever comes to it, and is overdue after seven days', () => {
  const cause = { kind: 'clock', from: 0, to: 1 } as const
  const on = nextBrake(null, cause, 1000)
  expect(on).toEqual({ since: 1000, cause })
  const other = { kind: 'clock', from: 5, to: 6 } as const
  const later = nextBrake(on, other, 5000)
  expect(later).toEqual({ since: 1000, cause: other })
  expect(nextBrake(later, null, 6000)).toBeNull()
  expect(isOverdue({ since: 0 }, 7 * day)).toBe(false)
  expect(isOverdue({ since: 0 }, 7 * day + 1)).toBe(true)
})

test('every brake names its release, and every brake can be released from wherever it is', () => {
  for (const kind of brakeKinds) expect(brakeReleases[kind]).not.toBe('')
  fc.assert(
    fc.property(
      fc.array(fc.boolean(), { maxLength: 10 }),
      fc.array(fc.integer({ min: 0, max: 1000 * day }), { minLength: 1, maxLength: 20 }),
      fc.record({
        failing: fc.integer({ min: 1, max: 5 }),
        at: fc.integer({ min: 0, max: 1e6 }),
        success: fc.option(fc.integer({ min: 0, max: 1e6 })),
      }),
      (ended, looks, deletes) => {
        const runs = ended.map((clean, index) => ({ run_id: `${index}`, clean }))
        expect(failingCause([{ run_id: 'next', clean: true }, ...runs])).toBeNull()

        let watch = looks.reduce<ReturnType<typeof watchClock> | null>((before, at) => watchClock(before, at), null)!
        // A person.
        expect(clockCause({ ...watch, jump: null })).toBeNull()
        // Or a day.
        const from = watch.last_tick_at
        for (let hours = 1; hours <= 48; hours++) watch = watchClock(watch, from + hours * hour)
        expect(clockCause(watch)).toBeNull()

        const target = { target_id: 't', failing: deletes.failing, last_failure: { run_id: 'r', at: deletes.at, error: null } }
        expect(deletesCause({ ...target, last_success_at: deletes.at + 1 }, null)).toBeNull()
        expect(deletesCause({ ...target, failing: 0, last_failure: null, last_success_at: deletes.success }, null)).toBeNull()

        const brake: Brake = { since: 0, cause: { kind: 'clock', from: 0, to: 1 } }
        expect(nextBrake(brake, clockCause(watch), 1)).toBeNull()
      },
    ),
    { seed, numRuns: 200 },
  )
})
