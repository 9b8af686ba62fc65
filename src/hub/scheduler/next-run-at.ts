import { fireTimes } from '../../core/schedule.ts'
import type { JobSpec } from '../../protocol/job-spec.ts'

/** When a job is due for the first time after `nowMs`; `null`: never, but when somebody asks. */
export function nextRunAt({ schedule, schedule_timezone }: Pick<JobSpec, 'schedule' | 'schedule_timezone'>, nowMs: number): number | null {
  return schedule === null ? null : (fireTimes(schedule, schedule_timezone, nowMs, 1)[0] ?? null)
}

/** The same for its drills. */
export function nextDrillAt(
  { drill_schedule, schedule_timezone }: Pick<JobSpec, 'drill_schedule' | 'schedule_timezone'>,
  nowMs: number,
): number | null {
  return nextRunAt({ schedule: drill_schedule, schedule_timezone }, nowMs)
}
