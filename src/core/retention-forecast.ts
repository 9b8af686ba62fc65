import type { Grade } from './grade.ts'
import type { RetentionPolicy } from './retention.ts'
import type { RetentionCalendar } from './retention-calendar.ts'
import { decideRetention, type KeepReason, type RetentionArtifact } from './retention-decision.ts'

/** One month of the job's calendar, from now or from its first day to its end. */
export interface MonthAhead {
  /** `2026-03` */
  month: string
  /** its end; earlier when no more runs are foreseen */
  until: number
  /** how many artifacts will be made */
  made: number
  /** how many will be there at its end, and the oldest of them */
  kept: number
  oldest_at: number | null
  /** for what: an artifact counts for each of its reasons */
  kept_for: Partial<Record<KeepReason['rule'], number>>
  /** how many will be deleted */
  deleted: number
  /** those of them that are there today, the oldest first */
  leaving: string[]
}

interface ForecastInput {
  policy: RetentionPolicy
  artifacts: readonly RetentionArtifact[]
  /** when artifacts will be made, the earliest first */
  runTimes: readonly number[]
  /** no run is foreseen after it, for there are too many */
  runsUntil: number | null
  calendar: RetentionCalendar
  nowMs: number
  months: number
}

/**
 * What will be kept if every run that is foreseen succeeds and nobody steps in: no limits, no brakes. Months are separate steps, for each costs a decision on
 * everything that is kept by then.
 */
export function* forecastRetention({ policy, artifacts, runTimes, runsUntil, calendar, nowMs, months }: ForecastInput): Generator<MonthAhead> {
  const today = new Set(artifacts.map(({ run_id }) => run_id))
  const grade = expectedGrade(artifacts)
  let standing: RetentionArtifact[] = [...artifacts]
  let next = 0
  let start = nowMs
  for (let month = 0; month < months; month++) {
    if (runsUntil !== null && start >= runsUntil) return
    const until = Math.min(calendar.nextMonth(start), runsUntil ?? Number.POSITIVE_INFINITY)
    const made: RetentionArtifact[] = []
    for (let at = runTimes[next]; at !== undefined && at < until; at = runTimes[++next]) {
      made.push({ run_id: `foreseen-${next}`, at, grade, pinned: false, standing: 'good' })
    }
    standing = standing.concat(made)
    const decisions = decideRetention(policy, standing, { calendar, nowMs: until })
    const deleted = new Set(decisions.flatMap(({ action, run_id }) => (action === 'delete' ? [run_id] : [])))
    const keptFor: MonthAhead['kept_for'] = {}
    for (const decision of decisions) {
      if (decision.action === 'delete') continue
      for (const { rule } of decision.reasons) keptFor[rule] = (keptFor[rule] ?? 0) + 1
    }
    const leaving = standing.filter(({ run_id }) => today.has(run_id) && deleted.has(run_id)).toSorted((a, b) => a.at - b.at)
    standing = standing.filter(({ run_id }) => !deleted.has(run_id))
    yield {
      month: calendar.slotName('keep_monthly', start),
      until,
      made: made.length,
      kept: standing.length,
      oldest_at: standing.reduce<number | null>((oldest, { at }) => (oldest === null || at < oldest ? at : oldest), null),
      kept_for: keptFor,
      deleted: deleted.size,
      leaving: leaving.map(({ run_id }) => run_id),
    }
    start = until
  }
}

/** What will be made is as good as what was made last. */
function expectedGrade(artifacts: readonly RetentionArtifact[]): Grade {
  const good = artifacts.filter(({ standing }) => standing === 'good')
  return good.reduce<RetentionArtifact | null>((newest, one) => (newest === null || one.at > newest.at ? one : newest), null)?.grade ?? 'stable'
}

/** So many of the last artifacts tell the rhythm of a job that has no schedule. */
const timesOfRhythm = 10

/** How long it takes from one artifact to the next: the median of the newest ones. @returns `null`: fewer than two, or all at once */
export function observedRhythm(times: readonly number[]): number | null {
  const newest = times.toSorted((a, b) => b - a).slice(0, timesOfRhythm + 1)
  const between = newest
    .slice(1)
    .map((at, index) => newest[index]! - at)
    .toSorted((a, b) => a - b)
  const median = between[Math.floor(between.length / 2)]
  return median === undefined || median < 60_000 ? null : median
}
