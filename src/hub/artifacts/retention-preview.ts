import { createHash } from 'node:crypto'
import { setImmediate as breathe } from 'node:timers/promises'
import type { RetentionCalendar } from '../../core/retention-calendar.ts'
import { forecastRetention, observedRhythm } from '../../core/retention-forecast.ts'
import { deleteReasonText, keepReasonText } from '../../core/retention-text.ts'
import { fireTimes } from '../../core/schedule.ts'
import { mostDecisionsShown, type RetentionPreview } from '../../protocol/http/retention-routes.ts'
import type { RetainedJob } from '../store/retention-store.ts'
import type { RetentionLook } from './retention-look.ts'
import { shownBrake } from './shown-brake.ts'

/** Which artifacts are deleted, as a short text: another set has another one. */
export function fingerprintOf(runIds: readonly string[]): string {
  return createHash('sha256').update(runIds.toSorted().join('\n')).digest('hex').slice(0, 32)
}

/** What a look comes to, now and in the months to come. Takes its time in small pieces. */
export async function previewOf(
  look: RetentionLook,
  job: RetainedJob,
  { calendar, now, months }: { calendar: RetentionCalendar; now: number; months: number },
): Promise<RetentionPreview> {
  const { policy, artifacts, decisions, deletes, allowed, brakes } = look
  const known = new Map(artifacts.map((artifact) => [artifact.run_id, artifact]))
  const decided = (run_id: string) => {
    const { at, grade } = known.get(run_id)!
    return { run_id, made_at: at, grade }
  }
  const allowedSet = new Set(allowed)
  const keep = decisions.flatMap((decision) => (decision.action === 'keep' ? [decision] : []))
  const remove = decisions.flatMap((decision) => (decision.action === 'delete' ? [decision] : [])).toReversed()
  const foreseen = await foresee(job, { calendar, now, months, madeAt: artifacts.map(({ at }) => at) })
  const ahead: RetentionPreview['months'] = []
  for (const month of forecastRetention({ policy, artifacts, ...foreseen, calendar, nowMs: now, months })) {
    ahead.push({ ...month, leaving: month.leaving.slice(0, mostDecisionsShown) })
    await breathe()
  }
  return {
    policy,
    brakes: brakes.map((brake) => shownBrake(brake, now)),
    fingerprint: fingerprintOf(deletes),
    totals: { keep: keep.length, delete: remove.length, delete_now: allowed.length },
    keep: keep.slice(0, mostDecisionsShown).map(({ run_id, reasons }) => ({
      ...decided(run_id),
      reasons: reasons.map((reason) => ({ ...reason, text: keepReasonText(reason) })),
    })),
    delete: remove.slice(0, mostDecisionsShown).map(({ run_id, reasons }) => ({
      ...decided(run_id),
      now: allowedSet.has(run_id),
      reasons: reasons.map((reason) => ({ ...reason, text: deleteReasonText(reason) })),
    })),
    foreseen_by: foreseen.by,
    months: ahead,
  }
}

interface Foreseen {
  by: RetentionPreview['foreseen_by']
  runTimes: number[]
  runsUntil: number | null
}

/** A run each hour for a year, and some more. Of what runs more often fewer months are foreseen. */
const mostRuns = 10_000
const runsAtOnce = 500

async function foresee(
  { schedule, schedule_timezone, archived_at }: RetainedJob,
  { calendar, now, months, madeAt }: { calendar: RetentionCalendar; now: number; months: number; madeAt: readonly number[] },
): Promise<Foreseen> {
  const nothing: Foreseen = { by: 'nothing', runTimes: [], runsUntil: null }
  if (archived_at !== null || months === 0) return nothing
  let end = now
  for (let month = 0; month < months; month++) end = calendar.nextMonth(end)
  const runTimes: number[] = []
  if (schedule === null) {
    const rhythm = observedRhythm(madeAt)
    if (rhythm === null) return nothing
    // A job that has rested goes on from now, not from where it stopped.
    const last = madeAt.reduce((newest, at) => Math.max(newest, at), 0)
    for (let at = Math.max(last + rhythm, now + 1); at < end && runTimes.length < mostRuns; at += rhythm) runTimes.push(at)
    return { by: 'rhythm', runTimes, runsUntil: runTimes.length < mostRuns ? null : runTimes.at(-1)! }
  }
  for (let after = now; runTimes.length < mostRuns;) {
    const times = fireTimes(schedule, schedule_timezone, after, runsAtOnce)
    const last = times.at(-1)
    if (last === undefined) break
    runTimes.push(...times)
    if (last >= end || times.length < runsAtOnce) break
    after = last
    await breathe()
  }
  const within = runTimes.filter((at) => at < end)
  return { by: 'schedule', runTimes: within, runsUntil: within.length < mostRuns ? null : within.at(-1)! }
}
