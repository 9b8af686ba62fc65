import type { Selectable } from 'kysely'
import { type Progress, progressSchema } from '../../core/run-event.ts'
import type { WorkState } from '../../core/work-state.ts'
import type { Databases } from './databases.ts'
import { writeJson } from './json-column.ts'
import type { Tables } from './tables.ts'

/** A run or an operation, as dispatch decides by it. */
export interface WorkRecord {
  id: string
  job_id: string
  node_id: string
  state: WorkState
  ended_at: number | null
  /** the number of its last event */
  last_seq: number
  /** the last event that was taken from its node, by the node's own count */
  node_seq: number
}

/** What is asked of runs and of operations alike. */
export interface WorkStore<Record extends WorkRecord> {
  get(id: string): Promise<Record | null>
  setProgress(id: string, progress: Progress): Promise<void>
  /** Those that the node has been offered and that have not ended. */
  withNode(nodeId: string): Promise<Record[]>
  /** Queued ones of the node that were made before `before`, oldest first. */
  waitingSince(nodeId: string, before: number, limit: number): Promise<Record[]>
  /** The nodes that have queued ones. */
  nodesWaitedFor(): Promise<string[]>
}

export const withNodeStates: WorkState[] = ['dispatched', 'running', 'canceling']

type SharedColumn = keyof Tables['runs'] & keyof Tables['operations']

/** @param options.columns those of a record · `recordOf` reads one */
export function createWorkStore<Column extends keyof Tables['runs'] | keyof Tables['operations'], Record extends WorkRecord>(
  { read, write }: Databases,
  options: { table: 'runs' | 'operations'; columns: readonly Column[]; recordOf: (row: never) => Record },
): WorkStore<Record> {
  // Kysely checks what is asked of one table: all that is asked here are columns both have.
  const table = options.table as 'runs'
  const columns = options.columns as readonly (Column & SharedColumn)[]
  const recordOf = options.recordOf as (row: Selectable<Tables['runs']>) => Record
  const records = () => read.selectFrom(table).select(columns).$castTo<Selectable<Tables['runs']>>()
  // Said though the states say it too: the indexes of what is under way are of these alone.
  const unended = (nodeId: string) => records().where('ended_at', 'is', null).where('node_id', '=', nodeId)

  return {
    async get(id) {
      const row = await records().where('id', '=', id).executeTakeFirst()
      return row === undefined ? null : recordOf(row)
    },
    async setProgress(id, progress) {
      const text = writeJson(progressSchema, progress)
      await write.updateTable(table).set({ progress: text }).where('id', '=', id).where('state', 'in', withNodeStates).execute()
    },
    async withNode(nodeId) {
      return (await unended(nodeId).where('state', 'in', withNodeStates).orderBy('id').execute()).map(recordOf)
    },
    async waitingSince(nodeId, before, limit) {
      const queued = unended(nodeId).where('state', '=', 'queued').where('created_at', '<', before)
      return (await queued.orderBy('id').limit(limit).execute()).map(recordOf)
    },
    async nodesWaitedFor() {
      const rows = await read.selectFrom(table).select('node_id').distinct().where('ended_at', 'is', null).where('state', '=', 'queued').execute()
      return rows.map((row) => row.node_id)
    },
  }
}
