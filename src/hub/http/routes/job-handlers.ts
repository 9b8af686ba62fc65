import { BastionError } from '../../../core/errors.ts'
import { fireTimes } from '../../../core/schedule.ts'
import type { jobRoutes } from '../../../protocol/http/job-routes.ts'
import type { scheduleRoutes } from '../../../protocol/http/schedule-routes.ts'
import type { Job, JobSpec } from '../../../protocol/job-spec.ts'
import type { JobRecord } from '../../store/job-store.ts'
import type { Handlers } from '../handlers.ts'
import type { HttpServices } from '../http-services.ts'

type JobServices = Pick<HttpServices, 'store' | 'changes' | 'dispatch' | 'live' | 'clock' | 'newId'>

export function jobHandlers({ store, changes, dispatch, live, clock, newId }: JobServices): Handlers<typeof jobRoutes> {
  async function described(id: string): Promise<Job> {
    const job = await store.jobs.describe(id)
    if (job === null) throw noJob(id)
    return job
  }

  /** @param archivedAt null: from now on it is in force */
  async function archive(id: string, archivedAt: number | null): Promise<Job> {
    const now = clock.now()
    await changes.transaction(async (tx, announce) => {
      const job = await tx.jobs.get(id)
      if (job === null) throw noJob(id)
      if ((job.archived_at === null) === (archivedAt === null)) return
      const next_run_at = archivedAt === null ? nextTime(job.spec, now) : null
      await tx.jobs.archive(id, { archived_at: archivedAt, next_run_at, updated_at: now })
      announce.job(id)
    })
    return described(id)
  }

  return {
    async list({ query: { archived, node_id, ...page } }) {
      return store.jobs.list({ archived: archived === 'true', node_id }, page)
    },
    async create({ body: spec }) {
      const now = clock.now()
      const id = newId()
      await changes.transaction(async (tx, announce) => {
        await tx.jobs.insert({ id, spec, target_id: null, next_run_at: nextTime(spec, now), created_at: now, updated_at: now, archived_at: null })
        announce.job(id)
      })
      return described(id)
    },
    get: ({ params: { id } }) => described(id),
    async update({ params: { id }, body: spec }) {
      const now = clock.now()
      await changes.transaction(async (tx, announce) => {
        const job = await tx.jobs.get(id)
        if (job === null) throw noJob(id)
        await tx.jobs.update(id, { spec, next_run_at: nextTimeAfterChange(job, spec, now), updated_at: now })
        announce.job(id)
      })
      return described(id)
    },
    async remove({ params: { id } }) {
      const job = await described(id)
      if (!(await store.jobs.removeUnused(id))) {
        throw new BastionError('conflict', `the job ${job.name} has runs, and what it stored would be forgotten with it`, { hint: 'Archive it.' })
      }
      live.publish('jobs', { type: 'job.changed', job_id: id })
    },
    run: ({ params: { id } }) => dispatch.request(id),
    archive: ({ params: { id } }) => archive(id, clock.now()),
    unarchive: ({ params: { id } }) => archive(id, null),
    async runs({ params: { id }, query: { status, ...page } }) {
      await described(id)
      return store.runs.list({ job_id: id, status }, page)
    },
  }
}

export function scheduleHandlers({ clock }: Pick<HttpServices, 'clock'>): Handlers<typeof scheduleRoutes> {
  return {
    preview: async ({ body: { schedule, schedule_timezone, after, count } }) => ({
      fire_times: fireTimes(schedule, schedule_timezone, after ?? clock.now(), count),
    }),
  }
}

/** The Hub evaluates the schedules of all jobs, those that run elsewhere to show what will happen. */
function nextTime({ schedule, schedule_timezone }: JobSpec, now: number): number | null {
  return schedule === null ? null : (fireTimes(schedule, schedule_timezone, now, 1)[0] ?? null)
}

/** A time that has come and was not seen to yet stays, unless the schedule is another. */
function nextTimeAfterChange(job: JobRecord, spec: JobSpec, now: number): number | null {
  if (job.archived_at !== null) return null
  const isSame = job.spec.schedule === spec.schedule && job.spec.schedule_timezone === spec.schedule_timezone
  return isSame ? job.next_run_at : nextTime(spec, now)
}

function noJob(id: string): BastionError {
  return new BastionError('not_found', `there is no job ${id}`)
}
