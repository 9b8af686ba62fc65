import { sql } from 'kysely'
import { uuidv7 } from '../../core/ids.ts'
import type { Databases } from './databases.ts'

/** What is forgotten of runs and jobs: the only place that takes rows of them away, with all that belongs to them. */
export interface HistoryStore {
  /**
   * Run ids in their order, those after `after`: ended before `endedBefore`, not the last one of their job, and without an artifact that may still be there.
   */
  prunable(endedBefore: number, after: string, limit: number): Promise<string[]>
  /** With their events, artifacts and deletes. */
  removeRuns(runIds: readonly string[]): Promise<void>
  /** With its whole history. What is stored on targets stays there. */
  removeJob(jobId: string): Promise<void>
  /** It shall go when its last artifact has gone; null: it stays. */
  setRemoving(jobId: string, at: number | null): Promise<void>
  /** Jobs that shall go and have nothing left. */
  removable(): Promise<string[]>
}

const lastOfItsMillisecond = new Uint8Array(10).fill(0xff)

export function createHistoryStore({ read, write }: Databases): HistoryStore {
  return {
    async prunable(endedBefore, after, limit) {
      const rows = await read
        .selectFrom('runs as run')
        .select('run.id')
        .where('run.id', '>', after)
        // Ids sort by the time they were made: what was made later has not ended before.
        .where('run.id', '<=', uuidv7(endedBefore, lastOfItsMillisecond))
        .where('run.ended_at', '<', endedBefore)
        .where(({ not, exists, selectFrom }) =>
          not(
            exists(
              selectFrom('run_artifacts')
                .select(sql.lit(1).as('one'))
                .whereRef('run_id', '=', 'run.id')
                .where('deleted_at', 'is', null)
                .where('ignored_at', 'is', null),
            ),
          ),
        )
        .where(({ exists, selectFrom }) =>
          exists(
            selectFrom('runs as later').select(sql.lit(1).as('one')).whereRef('later.job_id', '=', 'run.job_id').whereRef('later.id', '>', 'run.id'),
          ),
        )
        .orderBy('run.id')
        .limit(limit)
        .execute()
      return rows.map(({ id }) => id)
    },
    async removeRuns(runIds) {
      await write.deleteFrom('run_artifacts').where('run_id', 'in', runIds).execute()
      await write.deleteFrom('runs').where('id', 'in', runIds).execute()
    },
    async removeJob(jobId) {
      await write.deleteFrom('run_artifacts').where('job_id', '=', jobId).execute()
      await write.deleteFrom('runs').where('job_id', '=', jobId).execute()
      await write.deleteFrom('jobs').where('id', '=', jobId).execute()
    },
    async setRemoving(jobId, removing_at) {
      await write.updateTable('jobs').set({ removing_at }).where('id', '=', jobId).execute()
    },
    async removable() {
      const rows = await read
        .selectFrom('jobs as job')
        .select('job.id')
        .where('job.removing_at', 'is not', null)
        .where(({ not, exists, selectFrom }) =>
          not(
            exists(
              selectFrom('run_artifacts')
                .select(sql.lit(1).as('one'))
                .whereRef('job_id', '=', 'job.id')
                .where('deleted_at', 'is', null)
                .where('ignored_at', 'is', null),
            ),
          ),
        )
        .where(({ not, exists, selectFrom }) =>
          not(exists(selectFrom('runs').select(sql.lit(1).as('one')).whereRef('job_id', '=', 'job.id').where('ended_at', 'is', null))),
        )
        .limit(100)
        .execute()
      return rows.map(({ id }) => id)
    },
  }
}
