import { Cron } from 'croner'
import { z } from 'zod'

/** Five fields (minute, hour, day of month, month, day of week), names allowed; 0 and 7 are Sunday. */
export const cronSchema = z.string().max(200).refine(isCron, 'a schedule is five cron fields: minute, hour, day of month, month, day of week')

/** An IANA time zone that this machine knows. */
export const timeZoneSchema = z.string().max(64).refine(isTimeZone, 'no time zone of the IANA list, such as Europe/Berlin')

function isCron(text: string): boolean {
  try {
    return !parse(text).isStopped()
  } catch {
    return false
  }
}

/** By their names of today. A format, which knows the old names too, takes fifty times as long to make. */
const commonZones: ReadonlySet<string> = new Set([...Intl.supportedValuesOf('timeZone'), 'UTC'])

function isTimeZone(text: string): boolean {
  if (commonZones.has(text)) return true
  try {
    return new Intl.DateTimeFormat('en', { timeZone: text }).resolvedOptions().timeZone !== ''
  } catch {
    return false
  }
}

/**
 * When `cron` is due after `afterMs`, in `timeZone`, up to `count` times, as milliseconds since 1970. Where clocks go forward a time in the gap is due at its end;
 * where they go back a time that comes twice is due once, a repeating field (every 15 minutes) in both hours.
 */
export function fireTimes(cron: string, timeZone: string, afterMs: number, count: number): number[] {
  return parse(cron, timeZone)
    .nextRuns(count, new Date(afterMs))
    .map((date) => date.getTime())
}

/** A schedule asks for no time by the second, and none is started by looking at it. */
function parse(cron: string, timezone = 'UTC'): Cron {
  return new Cron(cron, { timezone, paused: true, mode: '5-part' })
}

/** What has come due of a schedule. */
export interface DueTimes {
  /** the newest time that has come */
  latest: number
  /** how many came before it, at most {@link mostMissed} */
  missed: number
  /** the first one to come; `null` when there is none any more */
  next: number | null
}

/** More are not counted. */
export const mostMissed = 100

/** The times from `firstMs`, which is one of them, to `nowMs`, however many they are: a year of minutes takes no longer than a day. */
export function dueTimes(cron: string, timeZone: string, firstMs: number, nowMs: number): DueTimes {
  const after = (ms: number, count = 1) => fireTimes(cron, timeZone, ms, count)
  let latest = firstMs
  let unknownTo = nowMs
  // Between the newest one that is known and where nothing follows any more, to the minute.
  while (unknownTo - latest >= 60_000) {
    const middle = latest + Math.floor((unknownTo - latest) / 2)
    const [found] = after(middle)
    if (found !== undefined && found <= nowMs) latest = found
    else unknownTo = middle
  }
  const between = after(firstMs, mostMissed).filter((ms) => ms <= latest).length
  return { latest, missed: between, next: after(nowMs)[0] ?? null }
}
