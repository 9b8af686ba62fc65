import type { Clock } from '../../core/clock.ts'
import { BastionError } from '../../core/errors.ts'
import { policyInForce } from '../../core/policy-in-force.ts'
import type { JobRetention, RetentionPolicy } from '../../core/retention.ts'
import { clockCause, clockWatchSchema, isOverdue, watchClock } from '../../core/retention-brakes.ts'
import { deleteReasonText } from '../../core/retention-text.ts'
import { failureOf } from '../../core/run.ts'
import { createRetentionCalendar, type RetentionCalendar } from '../../core/retention-calendar.ts'
import type { AppliedRetention, LastLook, RetentionPreview, RetentionState, ShownBrake } from '../../protocol/http/retention-routes.ts'
import type { AnnouncedChanges } from '../announced-changes.ts'
import type { HubLog } from '../hub-log.ts'
import type { KeptBrake } from '../store/brake-store.ts'
import type { HeldArtifact, RetainedJob } from '../store/retention-store.ts'
import type { Store } from '../store/store.ts'
import type { ArtifactDeletion } from './artifact-deletion.ts'
import { lookAtJobBrakes, lookAtTargetBrakes, setBrake } from './retention-brakes.ts'
import { acceptArtifact, giveUpArtifact } from './retention-judgement.ts'
import { lookAtJob, type LookOptions, type RetentionLook } from './retention-look.ts'
import { fingerprintOf, previewOf } from './retention-preview.ts'
import { shownBrake } from './shown-brake.ts'

/** Deletes by itself what no job keeps any more, slowly, and not at all while a brake is on. */
export interface Retention {
  /** Looks at the clock, and when it is time at all jobs. @returns when to look again */
  tick(): Promise<number>
  /** @throws BastionError not_found */
  describe(jobId: string): Promise<RetentionState>
  /** @param retention instead of what the job has */
  preview(jobId: string, options: { retention?: JobRetention | undefined; months: number }): Promise<RetentionPreview>
  /** As a person asks for it. @throws BastionError conflict when it is off, when a brake is on, or when it is not what the person has looked at */
  apply(jobId: string, options: { fingerprint?: string | undefined; despite_brakes: boolean }): Promise<AppliedRetention>
  accept(jobId: string, runId: string): Promise<void>
  giveUp(jobId: string, runId: string): Promise<void>
  /** All that are on, the oldest first. */
  brakes(): Promise<ShownBrake[]>
  /** How it stands with all jobs, for whoever watches that something is deleted at all. */
  standing(): RetentionStanding
  releaseClock(): Promise<void>
}

export interface RetentionStanding {
  /** when it had looked at all jobs the last time; null: not yet, since the Hub started */
  lastLookedAt: number | null
  /** artifacts that no rule keeps and that nobody has been asked to delete yet, for a limit or a brake is in the way */
  waiting: number
  /** jobs that could not be looked at */
  failing: number
}

export interface RetentionServices {
  store: Store
  changes: AnnouncedChanges
  deletion: Pick<ArtifactDeletion, 'requestWithin' | 'wake'>
  /** what jobs inherit */
  hubPolicy(): RetentionPolicy
  clock: Clock
  log: HubLog
}

const everyMs = 15 * 60_000
const jobsAtATime = 100
const mostBrakesShown = 200
const clockName = 'retention.clock'

export function createRetention({ store, changes, deletion, hubPolicy, clock, log }: RetentionServices): Retention {
  const calendars = new Map<string, RetentionCalendar>()
  /** brakes that the log has named as overdue */
  const told = new Set<string>()
  let lastPass: number | null = null
  /** when it had looked at all jobs the last time */
  let lastLookedAt: number | null = null
  /** of each job that it takes care of, what came of the last look */
  let looks: ReadonlyMap<string, LastLook> = new Map()

  function calendarOf(timeZone: string): RetentionCalendar {
    const known = calendars.get(timeZone) ?? createRetentionCalendar(timeZone)
    calendars.set(timeZone, known)
    return known
  }

  function lookOptions(now: number, spared?: LookOptions['spared']): LookOptions {
    return { hubPolicy: hubPolicy(), calendarOf, now, ...(spared !== undefined && { spared }) }
  }

  async function jobOf(repositories: Pick<Store, 'retention'>, jobId: string): Promise<RetainedJob> {
    const job = await repositories.retention.job(jobId)
    if (job === null) throw new BastionError('not_found', `there is no job ${jobId}`)
    return job
  }

  const isActive = (job: RetainedJob, policy: RetentionPolicy) => policy.enabled && job.archived_at === null

  /**
   * Decides and asks for the deletes in one transaction: nothing that the decision stands on changes in between, least of all that there is a newer good artifact.
   * @param isAllowed may throw; `false`: nothing is deleted now
   */
  async function deleteNow(
    jobId: string,
    { spared, isAllowed }: { spared: NonNullable<LookOptions['spared']>; isAllowed(look: RetentionLook, job: RetainedJob): boolean },
  ): Promise<AppliedRetention> {
    const applied = await changes.transaction(async (tx, announce) => {
      const now = clock.now()
      const work = { tx, announce, now }
      const job = await jobOf(tx, jobId)
      await lookAtJobBrakes(work, jobId)
      await lookAtTargetBrakes(work)
      const look = await lookAtJob(tx, job, lookOptions(now, spared))
      if (!isAllowed(look, job)) return { run_ids: [], remaining: look.deletes.length }
      const reasons = new Map(
        look.decisions.flatMap((one) => (one.action === 'delete' ? [[one.run_id, one.reasons.map(deleteReasonText)] as const] : [])),
      )
      const asked = await deletion.requestWithin(work, {
        runIds: look.allowed,
        force: false,
        by: 'retention',
        fieldsOf: (runId) => ({ reasons: reasons.get(runId) }),
      })
      const run_ids = asked.flatMap(({ run_id, result }) => (result === 'queued' ? [run_id] : []))
      return { run_ids, remaining: look.deletes.length - run_ids.length }
    })
    if (applied.run_ids.length > 0) deletion.wake()
    return applied
  }

  async function lookAtClock(): Promise<void> {
    await changes.transaction(async (tx, announce) => {
      const now = clock.now()
      const watch = watchClock(await tx.settings.get(clockName, clockWatchSchema), now)
      await tx.settings.put(clockName, clockWatchSchema, watch, now)
      await setBrake({ tx, announce, now }, 'clock', '', clockCause(watch), null)
    })
  }

  /** Those that may have been released by something else than a run: a delete that succeeded, a suspicious artifact that somebody has deleted. */
  async function lookAtBrakes(): Promise<void> {
    await changes.transaction(async (tx, announce) => {
      const work = { tx, announce, now: clock.now() }
      await tx.brakes.forget()
      await lookAtTargetBrakes(work)
      for (const { scope } of await tx.brakes.of('suspicious')) await lookAtJobBrakes(work, scope)
    })
  }

  async function pass(): Promise<void> {
    const seen = new Map<string, LastLook>()
    for (let after = ''; ;) {
      const jobs = await store.retention.jobs(after, jobsAtATime)
      for (const job of jobs) {
        if (!isActive(job, policyInForce(job.retention, hubPolicy()))) continue
        const at = clock.now()
        try {
          seen.set(job.id, { at, waiting: await passJob(job), error: null })
        } catch (error) {
          // One job must not hold the others; it is looked at again with the next pass.
          seen.set(job.id, { at, waiting: looks.get(job.id)?.waiting ?? 0, error: failureOf(error) })
          log.error({ job_id: job.id, err: error }, 'retention could not look at a job')
        }
      }
      const last = jobs.at(-1)
      if (last === undefined) break
      after = last.id
    }
    looks = seen
    lastLookedAt = clock.now()
  }

  /** @returns how many artifacts should be deleted and must wait */
  async function passJob(job: RetainedJob): Promise<number> {
    const { deletes, brakes } = await lookAtJob(store, job, lookOptions(clock.now()))
    for (const brake of brakes) tellOverdue(brake)
    if (deletes.length === 0) return 0
    const { run_ids, remaining } = await deleteNow(job.id, {
      spared: isOnBrakedTarget,
      // Looked at again: by now it may be archived, changed, or held by a brake.
      isAllowed: (look, current) => isActive(current, look.policy) && !look.brakes.some(({ cause }) => cause.kind !== 'deletes'),
    })
    if (run_ids.length > 0) log.info({ job_id: job.id, artifacts: run_ids.length, remaining }, 'retention deletes artifacts')
    return remaining
  }

  function tellOverdue(brake: KeptBrake): void {
    const name = `${brake.cause.kind} ${brake.scope} ${brake.since}`
    if (told.has(name) || !isOverdue(brake, clock.now())) return
    told.add(name)
    const { message, release, kind, job_id, target_id } = shownBrake(brake, clock.now())
    log.warn({ kind, job_id, target_id, since: brake.since, message, release }, 'a brake has stopped retention for more than seven days')
  }

  return {
    async tick() {
      await lookAtClock()
      await lookAtBrakes()
      const now = clock.now()
      if (lastPass === null || now >= lastPass + everyMs || now < lastPass) {
        lastPass = now
        await pass()
      }
      return lastPass + everyMs
    },
    async describe(jobId) {
      const job = await jobOf(store, jobId)
      const { policy, brakes } = await lookAtJob(store, job, lookOptions(clock.now()))
      return {
        retention: job.retention,
        policy,
        active: isActive(job, policy),
        brakes: brakes.map((brake) => shownBrake(brake, clock.now())),
        last_look: looks.get(jobId) ?? null,
      }
    },
    async preview(jobId, { retention, months }) {
      const job = await jobOf(store, jobId)
      const asked = { ...job, retention: retention ?? job.retention }
      const now = clock.now()
      return previewOf(await lookAtJob(store, asked, lookOptions(now)), asked, { calendar: calendarOf(job.schedule_timezone), now, months })
    },
    async apply(jobId, { fingerprint, despite_brakes }) {
      return deleteNow(jobId, {
        spared: () => false,
        isAllowed(look, job) {
          if (job.archived_at !== null)
            throw new BastionError('conflict', 'the job is archived: nothing of it is deleted', { hint: 'Unarchive it first.' })
          if (!look.policy.enabled) throw new BastionError('conflict', 'the retention of this job is off', { hint: 'Switch it on first.' })
          const [brake] = look.brakes
          if (brake !== undefined && !despite_brakes) {
            const { message, release, kind } = shownBrake(brake, clock.now())
            throw new BastionError('conflict', `a brake is on: ${message}`, { hint: `It is released by ${release}.`, details: { brake: kind } })
          }
          if (fingerprint !== undefined && fingerprint !== fingerprintOf(look.deletes)) {
            throw new BastionError('conflict', 'by now other artifacts would be deleted than those of the preview', {
              hint: 'Look at the preview again.',
            })
          }
          return true
        },
      })
    },
    async accept(jobId, runId) {
      await changes.transaction(async (tx, announce) => acceptArtifact({ tx, announce, now: clock.now() }, jobId, runId))
    },
    async giveUp(jobId, runId) {
      await changes.transaction(async (tx, announce) => giveUpArtifact({ tx, announce, now: clock.now() }, jobId, runId))
    },
    async brakes() {
      const now = clock.now()
      return (await store.brakes.oldest(mostBrakesShown)).map((brake) => shownBrake(brake, now))
    },
    standing() {
      const all = [...looks.values()]
      return {
        lastLookedAt,
        waiting: all.reduce((sum, { waiting }) => sum + waiting, 0),
        failing: all.filter(({ error }) => error !== null).length,
      }
    },
    async releaseClock() {
      await changes.transaction(async (tx, announce) => {
        const now = clock.now()
        const watch = await tx.settings.get(clockName, clockWatchSchema)
        if (watch !== null) await tx.settings.put(clockName, clockWatchSchema, { ...watch, jump: null }, now)
        await setBrake({ tx, announce, now }, 'clock', '', null, null)
      })
    },
  }
}

/** While deletes fail on a target, nothing more is asked for there. */
function isOnBrakedTarget({ target_id }: HeldArtifact, brakes: readonly KeptBrake[]): boolean {
  return brakes.some(({ cause, scope }) => cause.kind === 'deletes' && scope === target_id)
}
