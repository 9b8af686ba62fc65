import { timestampSchema } from '../../core/timestamp.ts'
import type { Databases } from './databases.ts'
import type { JobRecord, JobStore } from './job-store.ts'
import type { SettingStore } from './setting-store.ts'

/** Under which name the last time is kept that the scheduler has seen. */
export const lastTickName = 'scheduler.last_tick_at'

/** A job and when its next drill is due. */
export interface DrillTime {
  job: JobRecord
  next_drill_at: number
}

/** What the scheduler keeps between its looks at the clock. */
export interface ScheduleStore {
  /** Jobs of the node whose next time has come, the longest due first. */
  due(nodeId: string, now: number, limit: number): Promise<JobRecord[]>
  /** The next time of any job of the node. */
  next(nodeId: string): Promise<number | null>
  /** Jobs of the node that have a schedule, by id from `afterId` on. */
  scheduled(nodeId: string, afterId: string, limit: number): Promise<JobRecord[]>
  /** Compare and set, so that no time of a job is handled twice. @returns whether it was still `from` */
  advance(jobId: string, from: number, to: number | null): Promise<boolean>
  /** When its next drill is due. */
  setDrill(jobId: string, at: number | null): Promise<void>
  /** Of all nodes, those whose drill is due by `now`, the longest due first. */
  dueDrills(now: number, limit: number): Promise<DrillTime[]>
  /** When the next drill of any job is due. */
  nextDrill(): Promise<number | null>
  /** Jobs with a drill to come, in the order of their ids, from behind `afterId` on. */
  withDrills(afterId: string, limit: number): Promise<DrillTime[]>
  /** Compare and set, as {@link advance}. */
  advanceDrill(jobId: string, from: number, to: number | null): Promise<boolean>
  lastTick(): Promise<number | null>
  setLastTick(now: number): Promise<void>
}

export function createScheduleStore(
  { read, write }: Databases,
  { jobs, settings }: { jobs: Pick<JobStore, 'get'>; settings: SettingStore },
): ScheduleStore {
  const records = async (ids: { id: string }[]) => (await Promise.all(ids.map(({ id }) => jobs.get(id)))).filter((job) => job !== null)
  const drills = () =>
    read.selectFrom('jobs').select(['id', 'next_drill_at']).where('next_drill_at', 'is not', null).$narrowType<{ next_drill_at: number }>()
  async function drillTimes(rows: { id: string; next_drill_at: number }[]): Promise<DrillTime[]> {
    const found = await Promise.all(rows.map(async ({ id, next_drill_at }) => ({ job: await jobs.get(id), next_drill_at })))
    return found.filter((time): time is DrillTime => time.job !== null)
  }
  return {
    async due(nodeId, now, limit) {
      return records(
        await read
          .selectFrom('jobs')
          .select('id')
          .where('node_id', '=', nodeId)
          .where('next_run_at', '<=', now)
          .orderBy('next_run_at')
          .limit(limit)
          .execute(),
      )
    },
    async next(nodeId) {
      const row = await read
        .selectFrom('jobs')
        .select(({ fn }) => fn.min('next_run_at').as('at'))
        .where('node_id', '=', nodeId)
        .where('next_run_at', 'is not', null)
        .executeTakeFirst()
      return row?.at ?? null
    },
    async scheduled(nodeId, afterId, limit) {
      return records(
        await read
          .selectFrom('jobs')
          .select('id')
          .where('node_id', '=', nodeId)
          .where('next_run_at', 'is not', null)
          .where('id', '>', afterId)
          .orderBy('id')
          .limit(limit)
          .execute(),
      )
    },
    async advance(jobId, from, to) {
      const { numUpdatedRows } = await write
        .updateTable('jobs')
        .set({ next_run_at: to })
        .where('id', '=', jobId)
        .where('next_run_at', '=', from)
        .executeTakeFirst()
      return numUpdatedRows > 0n
    },
    async setDrill(jobId, at) {
      await write.updateTable('jobs').set({ next_drill_at: at }).where('id', '=', jobId).execute()
    },
    dueDrills: async (now, limit) => drillTimes(await drills().where('next_drill_at', '<=', now).orderBy('next_drill_at').limit(limit).execute()),
    async nextDrill() {
      const row = await read
        .selectFrom('jobs')
        .select(({ fn }) => fn.min('next_drill_at').as('at'))
        .where('next_drill_at', 'is not', null)
        .executeTakeFirst()
      return row?.at ?? null
    },
    withDrills: async (afterId, limit) => drillTimes(await drills().where('id', '>', afterId).orderBy('id').limit(limit).execute()),
    async advanceDrill(jobId, from, to) {
      const { numUpdatedRows } = await write
        .updateTable('jobs')
        .set({ next_drill_at: to })
        .where('id', '=', jobId)
        .where('next_drill_at', '=', from)
        .executeTakeFirst()
      return numUpdatedRows > 0n
    },
    lastTick: () => settings.get(lastTickName, timestampSchema),
    setLastTick: (now) => settings.put(lastTickName, timestampSchema, now, now),
  }
}
