import fc from 'fast-check'
import { expect, test } from 'vitest'
import { cronSchema, dueTimes, fireTimes, mostMissed, timeZoneSchema } from '../../src/core/schedule.ts'
import { seed } from '../support/seed.ts'

const minute = 60_000
const day = 24 * 60 * minute

/** Local date and time in the zone, as a wall clock shows it, with its distance from UTC. */
function wallClock(ms: number, timeZone: string): string {
  const parts = new Intl.DateTimeFormat('en-GB', {
    timeZone,
    month: '2-digit',
    day: '2-digit',
    hour: '2-digit',
    minute: '2-digit',
    hourCycle: 'h23',
    timeZoneName: 'longOffset',
  }).formatToParts(ms)
  const part = (type: string) => parts.find((one) => one.type === type)?.value ?? ''
  return `${part('month')}-${part('day')} ${part('hour')}:${part('minute')} ${part('timeZoneName').slice(3)}`
}

interface Row {
  title: string
  cron: string
  zone: string
  after: string
  times: string[]
}

const table: Row[] = [
  {
    title: 'Berlin, forward: a time in the gap is due at its end, and once',
    cron: '30 2 * * *',
    zone: 'Europe/Berlin',
    after: '2026-03-28T12:00Z',
    times: ['03-29 03:00 +02:00', '03-30 02:30 +02:00'],
  },
  {
    title: 'Berlin, forward: a time before the gap and one after it stay',
    cron: '59 1,3 * * *',
    zone: 'Europe/Berlin',
    after: '2026-03-28T12:00Z',
    times: ['03-29 01:59 +01:00', '03-29 03:59 +02:00', '03-30 01:59 +02:00'],
  },
  {
    title: 'Berlin, forward: every quarter of an hour has no quarter twice and none of the hour that is not there',
    cron: '*/15 * * * *',
    zone: 'Europe/Berlin',
    after: '2026-03-29T00:30Z',
    times: ['03-29 01:45 +01:00', '03-29 03:00 +02:00', '03-29 03:15 +02:00'],
  },
  {
    title: 'Berlin, back: a time that comes twice is due once',
    cron: '30 2 * * *',
    zone: 'Europe/Berlin',
    after: '2026-10-24T12:00Z',
    times: ['10-25 02:30 +02:00', '10-26 02:30 +01:00'],
  },
  {
    title: 'Berlin, back: every hour goes on through both',
    cron: '30 * * * *',
    zone: 'Europe/Berlin',
    after: '2026-10-24T23:45Z',
    times: ['10-25 02:30 +02:00', '10-25 02:30 +01:00', '10-25 03:30 +01:00'],
  },
  {
    title: 'New York, forward',
    cron: '30 2 * * *',
    zone: 'America/New_York',
    after: '2026-03-07T12:00Z',
    times: ['03-08 03:00 -04:00', '03-09 02:30 -04:00'],
  },
  {
    title: 'New York, back',
    cron: '30 1 * * *',
    zone: 'America/New_York',
    after: '2026-10-31T12:00Z',
    times: ['11-01 01:30 -04:00', '11-02 01:30 -05:00'],
  },
  {
    title: 'New York, back: every quarter of an hour in both hours',
    cron: '*/15 1 * * *',
    zone: 'America/New_York',
    after: '2026-11-01T05:20Z',
    times: ['11-01 01:30 -04:00', '11-01 01:45 -04:00', '11-01 01:00 -05:00', '11-01 01:15 -05:00'],
  },
  {
    title: 'Lord Howe, forward by half an hour',
    cron: '15 2 * * *',
    zone: 'Australia/Lord_Howe',
    after: '2026-10-03T12:00Z',
    times: ['10-04 02:30 +11:00', '10-05 02:15 +11:00'],
  },
  {
    title: 'Lord Howe, back by half an hour',
    cron: '45 1 * * *',
    zone: 'Australia/Lord_Howe',
    after: '2026-04-04T00:00Z',
    times: ['04-05 01:45 +11:00', '04-06 01:45 +10:30'],
  },
  {
    title: 'Lord Howe, back: every ten minutes goes on through both half hours',
    cron: '*/10 * * * *',
    zone: 'Australia/Lord_Howe',
    after: '2026-04-04T14:45Z',
    times: ['04-05 01:50 +11:00', '04-05 01:30 +10:30', '04-05 01:40 +10:30', '04-05 01:50 +10:30', '04-05 02:00 +10:30'],
  },
  {
    title: 'Kathmandu has no summer time, and 45 minutes',
    cron: '0 3 * * *',
    zone: 'Asia/Kathmandu',
    after: '2026-03-07T21:00Z',
    times: ['03-08 03:00 +05:45', '03-09 03:00 +05:45'],
  },
  {
    title: 'Kathmandu went forward by a quarter of an hour with the year 1986',
    cron: '10 0 * * *',
    zone: 'Asia/Kathmandu',
    after: '1985-12-30T00:00Z',
    times: ['12-31 00:10 +05:30', '01-01 00:15 +05:45', '01-02 00:10 +05:45'],
  },
  {
    title: 'names and both Sundays',
    cron: '0 3 * JAN 0,7',
    zone: 'UTC',
    after: '2026-01-01T00:00Z',
    times: ['01-04 03:00 +00:00', '01-11 03:00 +00:00'],
  },
]

for (const { title, cron, zone, after, times } of table) {
  test(`${title}: ${cron}`, () => {
    const found = fireTimes(cron, zone, Date.parse(after), times.length)
    expect(found.map((ms) => wallClock(ms, zone))).toEqual(times)
    expect(found).toEqual([...new Set(found)].toSorted((a, b) => a - b))
  })
}

const zones = ['Europe/Berlin', 'America/New_York', 'Australia/Lord_Howe', 'Asia/Kathmandu']
const changes = ['2026-03-08T07:00Z', '2026-03-29T01:00Z', '2026-04-04T15:00Z', '2026-10-03T15:30Z', '2026-10-25T01:00Z', '2026-11-01T06:00Z'].map(
  (text) => Date.parse(text),
)
const crons = ['*/5 * * * *', '30 * * * *', '30 2 * * *', '15,45 1-3 * * *', '0 0 * * *', '*/7 2 * * 0', '10 1 25 10 *']

test('from wherever one asks, the next time is the same one', () => {
  fc.assert(
    fc.property(
      fc.constantFrom(...zones),
      fc.constantFrom(...crons),
      fc.constantFrom(...changes),
      fc.integer({ min: -180, max: 180 }),
      (zone, cron, change, offset) => {
        const times = fireTimes(cron, zone, change - 4 * 60 * minute, 100)
        const from = change + offset * minute
        expect(fireTimes(cron, zone, from, 1)[0]).toBe(times.find((ms) => ms > from))
      },
    ),
    { seed },
  )
})

test('what is due is found however much it is, as if every time had been looked at', () => {
  fc.assert(
    fc.property(
      fc.constantFrom(...zones),
      fc.constantFrom(...crons),
      fc.constantFrom(...changes),
      fc.integer({ min: 0, max: 3000 }),
      (zone, cron, change, minutes) => {
        const [first] = fireTimes(cron, zone, change - day, 1) as [number]
        const now = first + minutes * minute
        const times = [first, ...fireTimes(cron, zone, first, 1000)]
        const due = times.filter((ms) => ms <= now)
        expect(dueTimes(cron, zone, first, now)).toEqual({
          latest: due.at(-1),
          missed: Math.min(due.length - 1, mostMissed),
          next: times.find((ms) => ms > now),
        })
      },
    ),
    { seed, numRuns: 60 },
  )
})

test('a year of minutes is a few looks', () => {
  const first = Date.parse('2026-01-01T00:00Z')
  const now = first + 365 * day + 30_000
  expect(dueTimes('* * * * *', 'UTC', first, now)).toEqual({ latest: now - 30_000, missed: mostMissed, next: now + 30_000 })
})

test('a schedule that never comes again has no next time', () => {
  expect(fireTimes('0 0 30 2 *', 'UTC', 0, 1)).toEqual([])
})

test('what is no schedule or no time zone is refused', () => {
  for (const cron of ['', 'daily', '* * * *', '* * * * * *', '60 * * * *', '* 24 * * *', '* * * * 8', '* * 0 * *']) {
    expect([cron, cronSchema.safeParse(cron).success]).toEqual([cron, false])
  }
  for (const zone of ['', 'Berlin', 'Europe/Atlantis']) expect([zone, timeZoneSchema.safeParse(zone).success]).toEqual([zone, false])
  for (const cron of ['*/5 * * * *', '0 3 * * MON-FRI', '0 0 1 JAN,JUL *', '0 0 * * 7']) expect(cronSchema.safeParse(cron).success).toBe(true)
})
