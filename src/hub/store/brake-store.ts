import { type Brake, brakeCauseSchema, type BrakeKind } from '../../core/retention-brakes.ts'
import type { Databases } from './databases.ts'
import { readJson, writeJson } from './json-column.ts'

/** A brake that is on, and for what: a job, a target, or (an empty scope) the whole Hub. */
export interface KeptBrake extends Brake {
  scope: string
}

/** The brakes of retention that are on. */
export interface BrakeStore {
  get(kind: BrakeKind, scope: string): Promise<Brake | null>
  put(scope: string, brake: Brake): Promise<void>
  remove(kind: BrakeKind, scope: string): Promise<void>
  /** Removes those of jobs that are gone. */
  forget(): Promise<void>
  /** All of a kind. */
  of(kind: BrakeKind): Promise<KeptBrake[]>
  /** Those of a job, of the Hub and of the targets named. */
  holding(jobId: string, targetIds: readonly string[]): Promise<KeptBrake[]>
  /** Of any kind, the oldest first. */
  oldest(limit: number): Promise<KeptBrake[]>
  /** How many are on of each kind, and since when the oldest is. */
  counts(): Promise<{ kind: string; total: number; oldest: number }[]>
}

export function createBrakeStore({ read, write }: Databases): BrakeStore {
  return {
    async get(kind, scope) {
      const row = await read
        .selectFrom('retention_brakes')
        .select(['since', 'cause'])
        .where('kind', '=', kind)
        .where('scope', '=', scope)
        .executeTakeFirst()
      return row === undefined ? null : brakeOf(row)
    },
    async put(scope, { since, cause }) {
      const kept = { since, cause: writeJson(brakeCauseSchema, cause) }
      await write
        .insertInto('retention_brakes')
        .values({ kind: cause.kind, scope, ...kept })
        .onConflict((conflict) => conflict.columns(['kind', 'scope']).doUpdateSet(kept))
        .execute()
    },
    async remove(kind, scope) {
      await write.deleteFrom('retention_brakes').where('kind', '=', kind).where('scope', '=', scope).execute()
    },
    async forget() {
      await write
        .deleteFrom('retention_brakes')
        .where('kind', 'in', ['failing', 'suspicious'] satisfies BrakeKind[])
        .where(({ not, exists, selectFrom }) => not(exists(selectFrom('jobs').select('jobs.id').whereRef('jobs.id', '=', 'retention_brakes.scope'))))
        .execute()
    },
    async of(kind) {
      const rows = await read.selectFrom('retention_brakes').selectAll().where('kind', '=', kind).orderBy('scope').execute()
      return rows.map(keptBrakeOf)
    },
    async holding(jobId, targetIds) {
      const rows = await read
        .selectFrom('retention_brakes')
        .selectAll()
        .where(({ or, and, eb }) =>
          or([
            and([eb('kind', 'in', ['failing', 'suspicious'] satisfies BrakeKind[]), eb('scope', '=', jobId)]),
            and([eb('kind', '=', 'clock' satisfies BrakeKind), eb('scope', '=', '')]),
            and([eb('kind', '=', 'deletes' satisfies BrakeKind), eb('scope', 'in', targetIds)]),
          ]),
        )
        .orderBy('since')
        .execute()
      return rows.map(keptBrakeOf)
    },
    async oldest(limit) {
      const rows = await read.selectFrom('retention_brakes').selectAll().orderBy('since').orderBy('kind').orderBy('scope').limit(limit).execute()
      return rows.map(keptBrakeOf)
    },
    async counts() {
      return read
        .selectFrom('retention_brakes')
        .select(['kind', ({ fn }) => fn.countAll<number>().as('total'), ({ fn }) => fn.min('since').as('oldest')])
        .groupBy('kind')
        .execute()
    },
  }
}

function brakeOf({ since, cause }: { since: number; cause: string }): Brake {
  return { since, cause: readJson(brakeCauseSchema, cause) }
}

function keptBrakeOf(row: { scope: string; since: number; cause: string }): KeptBrake {
  return { ...brakeOf(row), scope: row.scope }
}
