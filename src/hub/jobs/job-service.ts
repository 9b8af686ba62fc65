import { isDeepStrictEqual } from 'node:util'
import type { Clock } from '../../core/clock.ts'
import { BastionError } from '../../core/errors.ts'
import type { JobRetention } from '../../core/retention.ts'
import type { JobSpec } from '../../protocol/job-spec.ts'
import type { AnnouncedChanges } from '../announced-changes.ts'
import { nextRunAt } from '../scheduler/next-run-at.ts'
import type { JobRecord } from '../store/job-store.ts'

/** What people do with jobs. Each is kept, told, and known to the scheduler when it resolves. @throws BastionError not_found · conflict */
export interface JobService {
  /** @returns its id */
  create(spec: JobSpec): Promise<string>
  /** A run that is under way goes on as it began. */
  update(id: string, spec: JobSpec): Promise<void>
  /** What it keeps of its artifacts, and nothing else. */
  setRetention(id: string, retention: JobRetention): Promise<void>
  /** Its schedule stands still, and what waits is canceled; its runs and artifacts stay. Twice is once. */
  archive(id: string): Promise<void>
  unarchive(id: string): Promise<void>
  /** Only a job that has never run: history and artifacts are not removed by the way. */
  remove(id: string): Promise<void>
}

interface JobServices {
  changes: AnnouncedChanges
  clock: Clock
  newId(): string
  /** a next time may have changed */
  onSchedule(): void
  cancel(runId: string): Promise<void>
}

export function createJobService({ changes, clock, newId, onSchedule, cancel }: JobServices): JobService {
  async function change<T>(
    id: string,
    work: (job: JobRecord, ...given: Parameters<Parameters<AnnouncedChanges['transaction']>[0]>) => Promise<T>,
  ): Promise<T> {
    const result = await changes.transaction(async (tx, announce) => {
      const job = await tx.jobs.get(id)
      if (job === null) throw new BastionError('not_found', `there is no job ${id}`)
      announce.job(id)
      return work(job, tx, announce)
    })
    onSchedule()
    return result
  }

  return {
    async create(spec) {
      const now = clock.now()
      const id = newId()
      await changes.transaction(async (tx, announce) => {
        await tx.jobs.insert({ id, spec, target_id: null, next_run_at: nextRunAt(spec, now), created_at: now, updated_at: now, archived_at: null })
        announce.job(id)
      })
      onSchedule()
      return id
    },
    async update(id, spec) {
      await change(id, async (job, tx) => {
        const now = clock.now()
        const sameTimes = job.spec.schedule === spec.schedule && job.spec.schedule_timezone === spec.schedule_timezone
        // Another place is another target: it is met as if for the first time.
        const samePlace = job.spec.node_id === spec.node_id && isDeepStrictEqual(job.spec.target, spec.target)
        const next = job.archived_at === null ? nextRunAt(spec, now) : null
        await tx.jobs.update(id, {
          spec,
          target_id: samePlace ? job.target_id : null,
          // A time that has come and was not seen yet must not get lost.
          next_run_at: sameTimes ? job.next_run_at : next,
          updated_at: now,
        })
      })
    },
    async setRetention(id, retention) {
      await change(id, async ({ spec, target_id, next_run_at }, tx) => {
        await tx.jobs.update(id, { spec: { ...spec, retention }, target_id, next_run_at, updated_at: clock.now() })
      })
    },
    async archive(id) {
      const waiting = await change(id, async (job, tx) => {
        const now = clock.now()
        await tx.jobs.archive(id, { archived_at: job.archived_at ?? now, next_run_at: null, updated_at: now })
        return (await tx.runs.unended(id)).filter(({ state }) => state === 'queued')
      })
      for (const { id: runId } of waiting) await cancel(runId)
    },
    async unarchive(id) {
      await change(id, async (job, tx) => {
        const now = clock.now()
        if (job.archived_at === null) return
        await tx.jobs.archive(id, { archived_at: null, next_run_at: nextRunAt(job.spec, now), updated_at: now })
      })
    },
    async remove(id) {
      await change(id, async (job, tx) => {
        if (await tx.jobs.removeUnused(id)) return
        throw new BastionError('conflict', `the job ${job.spec.name} has runs`, { hint: 'Archive it: its history and its artifacts stay.' })
      })
    },
  }
}
