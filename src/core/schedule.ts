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

function isTimeZone(text: string): boolean {
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
