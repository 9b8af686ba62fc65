import type { Selectable } from 'kysely'
import type { DeleteTaskStatus } from '../../core/delete-task-status.ts'
import { failureSchema } from '../../core/run.ts'
import { type IncompleteRun, incompleteRunSchema } from '../../protocol/incomplete-run.ts'
import { type JobTarget, jobTargetSchema } from '../../protocol/job-spec.ts'
import type { Databases } from './databases.ts'
import { readJson, readJsonOrNull, writeJson } from './json-column.ts'
import { type Page, type PageRequest, pageOf, rowsToRead } from './page.ts'
import type { Tables } from './tables.ts'

export interface IncompleteFacts {
  target_snapshot: JobTarget
  objects: number
  bytes: number
  last_sign_at: number
  found_at: number
}

/** Somewhere runs of jobs store, or have stored. */
export interface StoredPlace {
  node_id: string
  target: JobTarget
  /** as the column has it */
  key: string
  /** null: nobody has looked through it yet */
  looked_at: number | null
}

export interface IncompleteRunStore {
  insert(runId: string, facts: IncompleteFacts): Promise<void>
  get(runId: string): Promise<IncompleteRun | null>
  /** The newest run first. Without `status`: those that are neither done nor ignored. */
  list(filter: { status?: DeleteTaskStatus | undefined }, page: PageRequest): Promise<Page<IncompleteRun>>
  /** With its task and the log of it. */
  remove(runId: string): Promise<void>
  /** Removes those whose cleanup was done before then. */
  forget(endedBefore: number): Promise<void>
  /** Where jobs store, archived ones too, each place once. */
  places(): Promise<StoredPlace[]>
  noteLook(place: Pick<StoredPlace, 'node_id' | 'key'>, at: number): Promise<void>
}

export function createIncompleteRunStore({ read, write }: Databases): IncompleteRunStore {
  const described = () =>
    read
      .selectFrom('incomplete_cleanup_tasks as task')
      .innerJoin('incomplete_runs as run', 'run.run_id', 'task.run_id')
      .selectAll('task')
      .select(['run.target_snapshot', 'run.objects', 'run.bytes', 'run.last_sign_at', 'run.found_at'])

  return {
    async insert(run_id, { target_snapshot, ...facts }) {
      await write
        .insertInto('incomplete_runs')
        .values({ run_id, ...facts, target_snapshot: writeJson(jobTargetSchema, target_snapshot) })
        .execute()
    },
    async get(runId) {
      const row = await described().where('task.run_id', '=', runId).executeTakeFirst()
      return row === undefined ? null : incompleteRun(row)
    },
    async list({ status }, { cursor, limit }) {
      let query = described().orderBy('task.run_id', 'desc').limit(rowsToRead(limit))
      query = status === undefined ? query.where('task.status', 'not in', ['done', 'ignored']) : query.where('task.status', '=', status)
      if (cursor !== undefined) query = query.where('task.run_id', '<', cursor)
      return pageOf(await query.execute(), limit, (row) => row.run_id, incompleteRun)
    },
    async remove(runId) {
      await write.deleteFrom('incomplete_runs').where('run_id', '=', runId).execute()
    },
    async forget(endedBefore) {
      await write
        .deleteFrom('incomplete_runs')
        .where('run_id', 'in', (eb) =>
          eb.selectFrom('incomplete_cleanup_tasks').select('run_id').where('status', '=', 'done').where('ended_at', '<', endedBefore),
        )
        .execute()
    },
    async places() {
      const rows = await read
        .selectFrom('jobs as job')
        .leftJoin('incomplete_looks as look', (join) =>
          join.onRef('look.node_id', '=', 'job.node_id').on('look.target', '=', (eb) => eb.fn('json_extract', ['job.spec', eb.val('$.target')])),
        )
        .select(['job.node_id', (eb) => eb.fn<string>('json_extract', ['job.spec', eb.val('$.target')]).as('key'), 'look.looked_at'])
        .distinct()
        .execute()
      return rows.map((row) => ({ ...row, target: readJson(jobTargetSchema, row.key) as JobTarget }))
    },
    async noteLook({ node_id, key }, looked_at) {
      await write
        .insertInto('incomplete_looks')
        .values({ node_id, target: key, looked_at })
        .onConflict((conflict) => conflict.columns(['node_id', 'target']).doUpdateSet({ looked_at }))
        .execute()
    },
  }
}

type Row = Selectable<Tables['incomplete_cleanup_tasks']> & Omit<Selectable<Tables['incomplete_runs']>, 'run_id'>

function incompleteRun({ target_snapshot, touched, last_error, ...row }: Row): IncompleteRun {
  return incompleteRunSchema.parse({
    ...row,
    target: readJson(jobTargetSchema, target_snapshot),
    touched: touched === 1,
    last_error: readJsonOrNull(failureSchema, last_error),
  })
}
