import type { Clock } from '../../core/clock.ts'
import { dueTimes } from '../../core/schedule.ts'
import type { AnnouncedChanges } from '../announced-changes.ts'
import type { Dispatch } from '../dispatch/dispatch.ts'
import type { HubLog } from '../hub-log.ts'
import { nextDrillAt } from '../scheduler/next-run-at.ts'
import type { DrillTime } from '../store/schedule-store.ts'
import type { Store } from '../store/store.ts'
import type { Operations } from './operations.ts'

/**
 * Asks for drills of jobs whose time for one has come: of their newest artifact that is present. Moving the time on and asking is one transaction, so no time is used twice; times
 * that were missed are one drill. Where there is nothing to drill, or a drill has not ended, the time passes.
 */
export interface DrillScheduler {
  /** Asked before the scheduler of runs, which notes the time of its look. @returns when the next time is */
  tick(): Promise<number | null>
}

export interface DrillSchedulerServices {
  store: Store
  changes: AnnouncedChanges
  operations: Pick<Operations, 'requestWithin'>
  dispatch: Pick<Dispatch, 'wake'>
  clock: Clock
  log: HubLog
}

const jobsAtATime = 500
/** A clock that has gone back by less is not worth a look at every job. */
const backMs = 60_000

export function createDrillScheduler({ store, changes, operations, dispatch, clock, log }: DrillSchedulerServices): DrillScheduler {
  /** Times that were found under a clock that was ahead would leave jobs waiting for as long as it was wrong. */
  async function planAnew(now: number): Promise<void> {
    for (let after: string | undefined = ''; after !== undefined;) {
      const jobs: DrillTime[] = await store.schedule.withDrills(after, jobsAtATime)
      for (const { job, next_drill_at } of jobs) await store.schedule.advanceDrill(job.id, next_drill_at, nextDrillAt(job.spec, now))
      after = jobs.at(-1)?.job.id
    }
  }

  async function fire({ job, next_drill_at: from }: DrillTime, now: number): Promise<void> {
    const { drill_schedule: schedule, schedule_timezone: timezone } = job.spec
    const next = schedule === null ? null : dueTimes(schedule, timezone, from, now).next
    const nodeId = await changes.transaction(async (tx, announce) => {
      if (!(await tx.schedule.advanceDrill(job.id, from, next))) return null
      announce.job(job.id)
      const runId = await tx.artifacts.newestPresent(job.id)
      if (runId === null || (await tx.operations.hasUnended(job.id, 'drill'))) {
        log.warn({ job_id: job.id, has_artifact: runId !== null }, 'a drill was due, and there is none to begin')
        return null
      }
      return (await operations.requestWithin({ tx, announce, now }, runId, { kind: 'drill' }, 'schedule')).nodeId
    })
    if (nodeId !== null) void dispatch.wake(nodeId)
  }

  return {
    async tick() {
      const now = clock.now()
      const last = await store.schedule.lastTick()
      if (last !== null && now < last - backMs) await planAnew(now)
      for (const due of await store.schedule.dueDrills(now, jobsAtATime)) {
        try {
          await fire(due, now)
        } catch (error) {
          // One job must not hold the others; it is looked at again with the next tick.
          log.error({ job_id: due.job.id, err: error }, 'a drill could not be asked for')
        }
      }
      return store.schedule.nextDrill()
    },
  }
}
