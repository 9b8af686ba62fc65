import { sql } from 'kysely'
import { uuidv7 } from '../../core/ids.ts'
import type { Run } from '../../core/run.ts'
import { type RunState, runStates, runStatus, type RunStatus } from '../../core/run-state.ts'
import type { RunDay } from '../../protocol/http/overview-routes.ts'
import type { Databases } from './databases.ts'
import { listedColumns, listedRun } from './run-row.ts'

/** What a person sees first. Everything is counted from an index or cut off at `limit`. */
export interface OverviewStore {
  jobCounts(): Promise<{ active: number; scheduled: number; archived: number; failing: number }>
  /** Active jobs by what drills have shown; `oldest_proven_at`: the job longest not proven of those that were. */
  provenCounts(): Promise<{ proven: number; never: number; oldest_proven_at: number | null }>
  /** Active jobs whose last drill has failed, the job made last first. */
  failingDrills(limit: number): Promise<{ job_id: string; job_name: string; operation_id: string; ended_at: number }[]>
  /** Active jobs that were proven. */
  provenJobs(limit: number): Promise<{ id: string; name: string; proven_at: number; proven_restore_ms: number }[]>
  /** Runs that have not ended, by status. */
  runCounts(): Promise<{ queued: number; running: number }>
  /** Oldest first. */
  running(limit: number): Promise<Run[]>
  /** Jobs whose last run that ended has failed, with that run, the job made last first. */
  failing(limit: number): Promise<{ job_id: string; job_name: string; run: Run }[]>
  /** What was asked for since then, by job and by 24 hours. */
  days(since: number): Promise<RunDay[]>
}

const dayMs = 24 * 3600_000
const firstOfItsMillisecond = new Uint8Array(10)

const statesOf = (status: RunStatus): RunState[] => runStates.filter((state) => runStatus(state) === status)

export function createOverviewStore({ read }: Databases): OverviewStore {
  return {
    async jobCounts() {
      return read
        .selectFrom('jobs')
        .select([
          sql<number>`count(*) filter (where archived_at is null)`.as('active'),
          sql<number>`count(*) filter (where archived_at is null and next_run_at is not null)`.as('scheduled'),
          sql<number>`count(*) filter (where archived_at is not null)`.as('archived'),
          sql<number>`count(*) filter (where archived_at is null and last_ended_state = 'failed')`.as('failing'),
        ])
        .executeTakeFirstOrThrow()
    },
    async provenCounts() {
      return read
        .selectFrom('jobs')
        .select([
          sql<number>`count(*) filter (where proven_at is not null)`.as('proven'),
          sql<number>`count(*) filter (where proven_at is null)`.as('never'),
          sql<number | null>`min(proven_at)`.as('oldest_proven_at'),
        ])
        .where('archived_at', 'is', null)
        .executeTakeFirstOrThrow()
    },
    async failingDrills(limit) {
      return read
        .selectFrom('jobs as job')
        .innerJoin('operations as drill', 'drill.id', 'job.last_drill_id')
        .select(['job.id as job_id', 'job.name as job_name', 'drill.id as operation_id', 'drill.ended_at'])
        .where('job.archived_at', 'is', null)
        .where('job.last_drill_id', 'is not', null)
        .where('drill.state', '=', 'failed')
        .orderBy('job.id', 'desc')
        .limit(limit)
        .$narrowType<{ ended_at: number }>()
        .execute()
    },
    async provenJobs(limit) {
      return read
        .selectFrom('jobs')
        .select(['id', 'name', 'proven_at', 'proven_restore_ms'])
        .where('archived_at', 'is', null)
        .where('proven_at', 'is not', null)
        .orderBy('id')
        .limit(limit)
        .$narrowType<{ proven_at: number; proven_restore_ms: number }>()
        .execute()
    },
    async runCounts() {
      const count = async (status: RunStatus) => {
        const { total } = await read
          .selectFrom('runs')
          .select(({ fn }) => fn.countAll<number>().as('total'))
          .where('state', 'in', statesOf(status))
          .executeTakeFirstOrThrow()
        return total
      }
      return { queued: await count('queued'), running: await count('running') }
    },
    async running(limit) {
      const rows = await read.selectFrom('runs').select(listedColumns).where('state', 'in', statesOf('running')).orderBy('id').limit(limit).execute()
      return rows.map(listedRun)
    },
    async failing(limit) {
      const rows = await read
        .selectFrom('jobs as job')
        .innerJoin('runs as run', (join) =>
          join.on('run.id', '=', (eb) =>
            eb.selectFrom('runs').select('id').whereRef('job_id', '=', 'job.id').where('state', '=', 'failed').orderBy('id', 'desc').limit(1),
          ),
        )
        .select(['job.name as job_name', ...listedColumns.map((column) => `run.${column}` as const)])
        .where('job.archived_at', 'is', null)
        .where('job.last_ended_state', '=', 'failed')
        .orderBy('job.id', 'desc')
        .limit(limit)
        .execute()
      return rows.map(({ job_name, ...row }) => ({ job_id: row.job_id, job_name, run: listedRun(row) }))
    },
    async days(since) {
      return (
        read
          .selectFrom('runs')
          .select([
            'job_id',
            sql<number>`cast((created_at - ${since}) / ${sql.lit(dayMs)} as integer)`.as('day'),
            sql<number>`count(*)`.as('runs'),
            sql<number>`count(*) filter (where state = 'failed')`.as('failed'),
            sql<number>`count(*) filter (where outcome = 'warning')`.as('warned'),
            sql<number>`count(*) filter (where state = 'finished')`.as('stored'),
            sql<number>`cast(total(progress ->> '$.stored_bytes') filter (where state = 'finished') as integer)`.as('stored_bytes'),
          ])
          // Ids sort by the time they were made.
          .where('id', '>=', uuidv7(since, firstOfItsMillisecond))
          .where('created_at', '>=', since)
          // The plus keeps SQLite from reading every run in the order of its job.
          .groupBy([sql`+job_id`, 'day'])
          .execute()
      )
    },
  }
}
