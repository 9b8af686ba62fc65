import { expect, test } from 'vitest'
import { retentionPolicySchema } from '../../../src/core/retention.ts'
import { createRetentionCalendar } from '../../../src/core/retention-calendar.ts'
import type { RetentionArtifact } from '../../../src/core/retention-decision.ts'
import { forecastRetention, observedRhythm } from '../../../src/core/retention-forecast.ts'
import { fireTimes } from '../../../src/core/schedule.ts'

const day = 24 * 60 * 60_000
const nowMs = Date.parse('2026-03-10T12:00+01:00')
const zone = 'Europe/Berlin'

/** One each night at three, by the clocks of Berlin. */
function nightly(from: string, count: number): RetentionArtifact[] {
  return fireTimes('0 3 * * *', zone, Date.parse(from), count).map((at) => ({
    run_id: new Intl.DateTimeFormat('sv-SE', { timeZone: zone, dateStyle: 'short' }).format(at),
    at,
    grade: 'stable',
    pinned: false,
    standing: 'good',
  }))
}

test('a nightly backup with days and months, month by month', () => {
  const policy = retentionPolicySchema.parse({ enabled: true, keep_daily: 3, keep_monthly: 2 })
  const months = [
    ...forecastRetention({
      policy,
      artifacts: nightly('2026-03-08T00:00+01:00', 3),
      runTimes: fireTimes('0 3 * * *', zone, nowMs, 60),
      runsUntil: null,
      calendar: createRetentionCalendar(zone),
      nowMs,
      months: 3,
    }),
  ]
  expect(months).toEqual([
    {
      // From the 11th to the 31st there are 21 nights; the 29th, 30th and 31st are left.
      month: '2026-03',
      until: Date.parse('2026-04-01T00:00+02:00'),
      made: 21,
      kept: 3,
      oldest_at: Date.parse('2026-03-29T03:00+02:00'),
      kept_for: { newest_good: 1, keep_daily: 3, keep_monthly: 1 },
      deleted: 21,
      leaving: ['2026-03-08', '2026-03-09', '2026-03-10'],
    },
    {
      // The 28th, 29th and 30th of April, and March 31 for its month.
      month: '2026-04',
      until: Date.parse('2026-05-01T00:00+02:00'),
      made: 30,
      kept: 4,
      oldest_at: Date.parse('2026-03-31T03:00+02:00'),
      kept_for: { newest_good: 1, keep_daily: 3, keep_monthly: 2 },
      deleted: 29,
      leaving: [],
    },
    {
      // 60 nights are foreseen: 9 of them in May, to the 9th.
      month: '2026-05',
      until: Date.parse('2026-06-01T00:00+02:00'),
      made: 9,
      kept: 4,
      oldest_at: Date.parse('2026-04-30T03:00+02:00'),
      kept_for: { newest_good: 1, keep_daily: 3, keep_monthly: 2 },
      deleted: 9,
      leaving: [],
    },
  ])
})

test('an artifact of the future is an ordinary one when its time has come', () => {
  const ahead: RetentionArtifact = { run_id: 'ahead', at: nowMs + 30 * day, grade: 'stable', pinned: false, standing: 'good' }
  const artifacts = [...nightly('2026-03-09T00:00+01:00', 2), ahead]
  const policy = retentionPolicySchema.parse({ enabled: true, keep_last: 1 })
  const forecast = forecastRetention({ policy, artifacts, runTimes: [], runsUntil: null, calendar: createRetentionCalendar(zone), nowMs, months: 2 })
  expect([...forecast].map(({ leaving, kept_for }) => ({ leaving, kept_for }))).toEqual([
    { leaving: ['2026-03-09'], kept_for: { newest_good: 1, keep_last: 1, future: 1 } },
    { leaving: ['2026-03-10'], kept_for: { newest_good: 1, keep_last: 1 } },
  ])
})

test('a forecast ends where runs are foreseen no more', () => {
  const policy = retentionPolicySchema.parse({ enabled: true, keep_last: 1 })
  const until = nowMs + 3 * day
  const runTimes = [nowMs + day, nowMs + 2 * day]
  const months = [
    ...forecastRetention({ policy, artifacts: [], runTimes, runsUntil: until, calendar: createRetentionCalendar(zone), nowMs, months: 12 }),
  ]
  expect(months).toMatchObject([{ month: '2026-03', until, made: 2, kept: 1, deleted: 1 }])
})

test.each([
  ['none', [], null],
  ['one', [5 * day], null],
  ['two', [5 * day, 6 * day], day],
  ['one that came late', [day, 2 * day, 3 * day, 9 * day, 10 * day], day],
  ['all at once', [day, day, day], null],
  [
    'only the newest count',
    [...Array.from({ length: 30 }, (_, index) => index * day), ...Array.from({ length: 11 }, (_, index) => 40 * day + index * 3_600_000)],
    3_600_000,
  ],
] as const)('the rhythm of artifacts: %s', (_title, times, rhythm) => {
  expect(observedRhythm(times)).toBe(rhythm)
})
