import type { Clock } from '../../core/clock.ts'
import { dueTimes } from '../../core/schedule.ts'
import type { AnnouncedChanges } from '../announced-changes.ts'
import type { Dispatch } from '../dispatch/dispatch.ts'
import type { HubLog } from '../hub-log.ts'
import type { JobRecord } from '../store/job-store.ts'
import type { Store } from '../store/store.ts'
import { nextRunAt } from './next-run-at.ts'

/** Makes runs of jobs whose time has come. Every job keeps its next time; moving it on and making the run is one transaction, so no time is used twice. */
export interface Scheduler {
  /** @returns when the next time is */
  tick(): Promise<number | null>
}

export interface SchedulerServices {
  store: Store
  changes: AnnouncedChanges
  dispatch: Pick<Dispatch, 'requestWithin' | 'wake'>
  clock: Clock
  log: HubLog
  /** whose jobs: agents evaluate their own schedules */
  nodeId: string
}

/** A time that is later than this was missed: somebody was away, or the clock has jumped. With thousands of jobs due at once the last ones are some minutes late. */
const graceMs = 5 * 60_000
/** A clock that has gone back by less is not worth a look at every job. */
const backMs = 60_000
const jobsAtATime = 500

export function createScheduler(services: SchedulerServices): Scheduler {
  const { store, changes, dispatch, clock, log, nodeId } = services

  /** Next times that were made under a clock that was ahead would leave jobs waiting for as long as it was wrong. */
  async function planAnew(now: number): Promise<void> {
    let after = ''
    for (;;) {
      const jobs = await store.schedule.scheduled(nodeId, after, jobsAtATime)
      for (const job of jobs) {
        const next = nextRunAt(job.spec, now)
        if (job.next_run_at === null || next === job.next_run_at) continue
        const from = job.next_run_at
        await changes.transaction(async (tx, announce) => {
          if (await tx.schedule.advance(job.id, from, next)) announce.job(job.id)
        })
      }
      const last = jobs.at(-1)
      if (last === undefined) return
      after = last.id
    }
  }

  async function fire(job: JobRecord, now: number): Promise<void> {
    const { schedule, schedule_timezone, catch_up } = job.spec
    const from = job.next_run_at
    if (schedule === null || from === null) return
    const { latest, missed, next } = dueTimes(schedule, schedule_timezone, from, now)
    const isMissed = now - latest > graceMs
    const runs = !isMissed || catch_up === 'once'
    await changes.transaction(async (tx, announce) => {
      if (!(await tx.schedule.advance(job.id, from, next))) return
      announce.job(job.id)
      if (!runs) return
      await dispatch.requestWithin({ tx, announce, now }, job, { type: 'due', fireAt: latest, missed: catch_up === 'once' ? missed : 0 })
    })
    if (isMissed || missed > 0) log.warn({ job_id: job.id, fire_at: latest, missed, runs }, 'times of a schedule were missed')
  }

  return {
    async tick() {
      const now = clock.now()
      const last = await store.schedule.lastTick()
      if (last !== null && now < last - backMs) {
        log.warn({ now, last_tick_at: last }, 'the clock has gone back: the next times of all jobs are found anew')
        await planAnew(now)
      }
      await store.schedule.setLastTick(now)
      const due = await store.schedule.due(nodeId, now, jobsAtATime)
      for (const job of due) {
        try {
          await fire(job, now)
        } catch (error) {
          // One job must not hold the others; it is looked at again with the next tick.
          log.error({ job_id: job.id, err: error }, 'a job that is due could not be run')
        }
      }
      if (due.length > 0) void dispatch.wake(nodeId)
      return store.schedule.next(nodeId)
    },
  }
}
