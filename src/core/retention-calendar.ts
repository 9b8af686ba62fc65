import type { SlotRule } from './retention-rules.ts'

/** Days, weeks, months and years as the clocks of a time zone show them. Keeps what it has found of the zone: made once, it is used for many times. */
export interface RetentionCalendar {
  /** days since 1970-01-01 on the zone's own calendar */
  dayOf(ms: number): number
  /** a number for each slot, the same for all times in it. An hour that clocks show twice is two slots. */
  slotOf(rule: SlotRule, ms: number): number
  /** the slot as people write it: `2026-03-29T02+01:00`, `2026-03-29`, `2026-W13`, `2026-03`, `2026` */
  slotName(rule: SlotRule, ms: number): string
  /** when the month after that of `ms` begins */
  nextMonth(ms: number): number
}

const minuteMs = 60_000
const hourMs = 60 * minuteMs
const dayMs = 24 * hourMs
/** 1970-01-01 was a Thursday. */
const daysBeforeThursday = 3
const offsetsAtOnce = 100_000

export function createRetentionCalendar(timeZone: string): RetentionCalendar {
  const format = new Intl.DateTimeFormat('en-US', {
    timeZone,
    calendar: 'gregory',
    numberingSystem: 'latn',
    hourCycle: 'h23',
    year: 'numeric',
    month: 'numeric',
    day: 'numeric',
    hour: 'numeric',
    minute: 'numeric',
    second: 'numeric',
  })

  function lookUpOffset(ms: number): number {
    const shown: Record<string, number> = {}
    for (const { type, value } of format.formatToParts(ms)) shown[type] = Number(value)
    const { year = 0, month = 1, day = 1, hour = 0, minute = 0, second = 0 } = shown
    return Date.UTC(year, month - 1, day, hour, minute, second) - Math.floor(ms / 1000) * 1000
  }

  /** By day of UTC: the zone's distance from UTC, or NaN on a day on which it changes. */
  const offsets = new Map<number, number>()

  function offsetOf(ms: number): number {
    const day = Math.floor(ms / dayMs)
    let offset = offsets.get(day)
    if (offset === undefined) {
      const atStart = lookUpOffset(day * dayMs)
      offset = atStart === lookUpOffset((day + 1) * dayMs) ? atStart : Number.NaN
      if (offsets.size >= offsetsAtOnce) offsets.clear()
      offsets.set(day, offset)
    }
    return Number.isNaN(offset) ? lookUpOffset(ms) : offset
  }

  /** What the zone's clocks show, as if it were UTC. */
  const localOf = (ms: number) => ms + offsetOf(ms)
  const dayOf = (ms: number) => Math.floor(localOf(ms) / dayMs)

  /** When the clocks show the beginning of this day, or the first moment after it where they leave it out. */
  function startOfDay(day: number): number {
    const wanted = day * dayMs
    // Somewhere within a day of it, for no zone is further from UTC.
    let before = wanted - dayMs
    let after = wanted + dayMs
    while (after - before > 1) {
      const middle = Math.floor((before + after) / 2)
      if (localOf(middle) < wanted) before = middle
      else after = middle
    }
    return after
  }

  return {
    dayOf,
    slotOf(rule, ms) {
      const local = localOf(ms)
      switch (rule) {
        case 'keep_hourly':
          return Math.floor(local / hourMs) * 10_000 + Math.round((local - ms) / minuteMs) + 5000
        case 'keep_daily':
          return Math.floor(local / dayMs)
        case 'keep_weekly':
          return Math.floor((Math.floor(local / dayMs) + daysBeforeThursday) / 7)
        case 'keep_monthly':
          return yearOf(local) * 12 + new Date(local).getUTCMonth()
        case 'keep_yearly':
          return yearOf(local)
      }
    },
    slotName(rule, ms) {
      const local = localOf(ms)
      const text = new Date(local).toISOString()
      switch (rule) {
        case 'keep_hourly':
          return `${text.slice(0, 13)}${offsetName(local - ms)}`
        case 'keep_daily':
          return text.slice(0, 10)
        case 'keep_weekly':
          return weekName(Math.floor(local / dayMs))
        case 'keep_monthly':
          return text.slice(0, 7)
        case 'keep_yearly':
          return text.slice(0, 4)
      }
    },
    nextMonth(ms) {
      const local = new Date(localOf(ms))
      return startOfDay(Date.UTC(local.getUTCFullYear(), local.getUTCMonth() + 1, 1) / dayMs)
    },
  }
}

function yearOf(local: number): number {
  return new Date(local).getUTCFullYear()
}

/** ISO 8601: weeks begin on Monday and belong to the year that has their Thursday. */
function weekName(day: number): string {
  const thursday = Math.floor((day + daysBeforeThursday) / 7) * 7
  const year = new Date(thursday * dayMs).getUTCFullYear()
  const week = Math.floor((thursday - Date.UTC(year, 0, 1) / dayMs) / 7) + 1
  return `${year}-W${String(week).padStart(2, '0')}`
}

function offsetName(offsetMs: number): string {
  const minutes = Math.abs(Math.round(offsetMs / minuteMs))
  const two = (value: number) => String(value).padStart(2, '0')
  return `${offsetMs < 0 ? '-' : '+'}${two(Math.floor(minutes / 60))}:${two(minutes % 60)}`
}
