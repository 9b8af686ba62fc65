import fc from 'fast-check'
import { expect, test } from 'vitest'
import { createRetentionCalendar } from '../../../src/core/retention-calendar.ts'
import { slotRules } from '../../../src/core/retention-rules.ts'
import { seed } from '../../support/seed.ts'
import { scale } from '../../support/scale.ts'

const zones = [
  'UTC',
  'Europe/Berlin',
  'America/New_York',
  'Australia/Lord_Howe',
  'Asia/Kathmandu',
  'Pacific/Apia',
  'America/St_Johns',
  'Africa/Monrovia',
]
const someTime = fc.integer({ min: 0, max: Date.UTC(2060, 0, 1) })

test('a day is the one that the clocks of the zone show', () => {
  fc.assert(
    fc.property(fc.constantFrom(...zones), someTime, (zone, ms) => {
      const shown = new Intl.DateTimeFormat('sv-SE', { timeZone: zone, year: 'numeric', month: '2-digit', day: '2-digit', hour: '2-digit' }).format(
        ms,
      )
      const calendar = createRetentionCalendar(zone)
      expect(calendar.slotName('keep_daily', ms)).toBe(shown.slice(0, 10))
      expect(calendar.slotName('keep_hourly', ms).slice(0, 13)).toBe(shown.replace(' ', 'T'))
    }),
    { seed, numRuns: scale(500, 50_000) },
  )
})

test('two times have one slot when its name is one', () => {
  fc.assert(
    fc.property(
      fc.constantFrom(...zones),
      fc.constantFrom(...slotRules),
      someTime,
      fc.integer({ min: 0, max: 40 * 24 * 60 * 60_000 }),
      (zone, rule, ms, later) => {
        const calendar = createRetentionCalendar(zone)
        const isOne = calendar.slotOf(rule, ms) === calendar.slotOf(rule, ms + later)
        expect(isOne).toBe(calendar.slotName(rule, ms) === calendar.slotName(rule, ms + later))
      },
    ),
    { seed, numRuns: scale(500, 50_000) },
  )
})

test('the next month begins where the clocks first show it', () => {
  fc.assert(
    fc.property(fc.constantFrom(...zones), someTime, (zone, ms) => {
      const calendar = createRetentionCalendar(zone)
      const next = calendar.nextMonth(ms)
      expect(next).toBeGreaterThan(ms)
      expect(calendar.slotOf('keep_monthly', next)).toBe(calendar.slotOf('keep_monthly', ms) + 1)
      expect(calendar.slotOf('keep_monthly', next - 1)).toBe(calendar.slotOf('keep_monthly', ms))
    }),
    { seed, numRuns: scale(500, 20_000) },
  )
})
