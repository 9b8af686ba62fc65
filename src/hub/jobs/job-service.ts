import { isDeepStrictEqual } from 'node:util'
import type { Clock } from '../../core/clock.ts'
import { BastionError } from '../../core/errors.ts'
import type { JobRetention } from '../../core/retention.ts'
import type { JobSpec } from '../../protocol/job-spec.ts'
import type { AnnouncedChanges } from '../announced-changes.ts'
import { nextDrillAt, nextRunAt } from '../scheduler/next-run-at.ts'
import type { ArtifactDeletion } from '../artifacts/artifact-deletion.ts'
import type { JobRecord } from '../store/job-store.ts'
import type { Store } from '../store/store.ts'

/** What people do with jobs. Each is kept, told, and known to the scheduler when it resolves. @throws BastionError not_found · conflict */
export interface JobService {
  /** @returns its id */
  create(spec: JobSpec): Promise<string>
  /** A run that is under way goes on as it began. */
  update(id: string, spec: JobSpec): Promise<void>
  /** What it keeps of its artifacts, and nothing else. */
  setRetention(id: string, retention: JobRetention): Promise<void>
  /** Its schedule stands still, and what waits is canceled; its runs stay, and its artifacts unless they shall be deleted: then all but those that are pinned. Twice is once. */
  archive(id: string, options?: { deleteArtifacts: boolean }): Promise<void>
  unarchive(id: string): Promise<void>
  /** The same again, with another name and by hand. @returns its id */
  clone(id: string, name?: string): Promise<string>
  /**
   * With its history. While it has artifacts somebody must say what becomes of them: `keep` them where they are, known to this Hub no more, or `delete` them, and
   * the job with the last one. @throws BastionError conflict · snapshot_pinned
   */
  remove(id: string, artifacts?: 'keep' | 'delete'): Promise<'removed' | 'removing'>
}

interface JobServices {
  store: Store
  deletion: Pick<ArtifactDeletion, 'requestDelete'>
  changes: AnnouncedChanges
  clock: Clock
  newId(): string
  /** a next time may have changed */
  onSchedule(): void
  cancel(runId: string): Promise<void>
}

const artifactsAtOnce = 100

export function createJobService({ store, changes, clock, newId, deletion, onSchedule, cancel }: JobServices): JobService {
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

  async function create(spec: JobSpec): Promise<string> {
    const now = clock.now()
    const id = newId()
    await changes.transaction(async (tx, announce) => {
      await tx.jobs.insert({ id, spec, target_id: null, next_run_at: nextRunAt(spec, now), created_at: now, updated_at: now, archived_at: null })
      await tx.schedule.setDrill(id, nextDrillAt(spec, now))
      announce.job(id)
    })
    onSchedule()
    return id
  }

  async function deleteArtifacts(id: string): Promise<void> {
    for (let after: string | undefined = ''; after !== undefined;) {
      const runIds: string[] = await store.artifacts.liveOf(id, after, artifactsAtOnce)
      if (runIds.length > 0) await deletion.requestDelete({ runIds, force: false, by: 'archive' })
      after = runIds.at(-1)
    }
  }

  return {
    create,
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
        if (!sameTimes || job.spec.drill_schedule !== spec.drill_schedule)
          await tx.schedule.setDrill(id, job.archived_at === null ? nextDrillAt(spec, now) : null)
      })
    },
    async setRetention(id, retention) {
      await change(id, async ({ spec, target_id, next_run_at }, tx) => {
        await tx.jobs.update(id, { spec: { ...spec, retention }, target_id, next_run_at, updated_at: clock.now() })
      })
    },
    async archive(id, options) {
      const waiting = await change(id, async (job, tx) => {
        const now = clock.now()
        await tx.jobs.archive(id, { archived_at: job.archived_at ?? now, next_run_at: null, updated_at: now })
        await tx.schedule.setDrill(id, null)
        return (await tx.runs.unended(id)).filter(({ state }) => state === 'queued')
      })
      for (const { id: runId } of waiting) await cancel(runId)
      if (options?.deleteArtifacts === true) await deleteArtifacts(id)
    },
    async unarchive(id) {
      await change(id, async (job, tx) => {
        const now = clock.now()
        if (job.archived_at === null) return
        await tx.history.setRemoving(id, null)
        await tx.jobs.archive(id, { archived_at: null, next_run_at: nextRunAt(job.spec, now), updated_at: now })
        await tx.schedule.setDrill(id, nextDrillAt(job.spec, now))
      })
    },
    async clone(id, name) {
      const job = await store.jobs.get(id)
      if (job === null) throw new BastionError('not_found', `there is no job ${id}`)
      // It does nothing before somebody has looked at it.
      return create({ ...job.spec, name: name ?? `${job.spec.name.slice(0, 190)} (copy)`, schedule: null })
    },
    async remove(id, artifacts) {
      const result = await change(id, async (job, tx) => {
        if ((await tx.runs.unended(id)).length > 0) {
          throw new BastionError('conflict', `the job ${job.spec.name} has a run that has not ended`, { hint: 'Cancel it, and wait for its end.' })
        }
        if (await tx.operations.hasUnended(id)) {
          throw new BastionError('conflict', `an operation on an artifact of the job ${job.spec.name} has not ended`, {
            hint: 'Cancel it, and wait for its end.',
          })
        }
        const hasArtifacts = (await tx.artifacts.liveOf(id, '', 1)).length > 0
        if (hasArtifacts && artifacts === undefined) {
          throw new BastionError('conflict', `the job ${job.spec.name} has artifacts`, {
            hint: 'Say what becomes of them: artifacts=keep leaves them where they are, artifacts=delete removes them first. Or archive the job: then everything stays.',
          })
        }
        if (!hasArtifacts || artifacts === 'keep') {
          await tx.history.removeJob(id)
          return 'removed'
        }
        const { items } = await tx.artifacts.list({ job_id: id, pinned: true }, { sort: 'ended_at', order: 'desc' }, { limit: 1 })
        if (items.length > 0)
          throw new BastionError('snapshot_pinned', `the job ${job.spec.name} has artifacts that are pinned`, { hint: 'Unpin them first.' })
        const now = clock.now()
        await tx.jobs.archive(id, { archived_at: job.archived_at ?? now, next_run_at: null, updated_at: now })
        await tx.schedule.setDrill(id, null)
        await tx.history.setRemoving(id, now)
        return 'removing'
      })
      if (result === 'removing') await deleteArtifacts(id)
      return result
    },
  }
}
