import type { Selectable } from 'kysely'
import { type Operation, operationSchema } from '../../core/operation.ts'
import { type OperationKind, operationStates } from '../../core/operation-kind.ts'
import { type OperationReport, operationReportSchema } from '../../core/operation-report.ts'
import { progressSchema } from '../../core/run-event.ts'
import { failureSchema } from '../../core/run.ts'
import { runStatus, type RunStatus } from '../../core/run-state.ts'
import type { WorkStanding } from '../../core/work-state.ts'
import { type OperationDetail, operationDetailSchema, type OperationSpec, operationSpecSchema } from '../../protocol/operation-spec.ts'
import type { Databases } from './databases.ts'
import { readJson, readJsonOrNull, writeJson } from './json-column.ts'
import { type Page, pageOf, type PageRequest, rowsToRead } from './page.ts'
import type { Tables } from './tables.ts'
import { createWorkStore, type WorkRecord, type WorkStore } from './work-store.ts'

/** An operation as the Hub decides by it. */
export interface OperationRecord extends Operation, Pick<WorkRecord, 'last_seq' | 'node_seq'> {
  spec: OperationSpec
}

export type NewOperation = Pick<Operation, 'id' | 'run_id' | 'job_id' | 'node_id' | 'asked_by' | 'created_at'> & { spec: OperationSpec }

export interface OperationFilter {
  job_id?: string | undefined
  run_id?: string | undefined
  kind?: OperationKind | undefined
  status?: Operation['status'] | undefined
}

export interface OperationStore extends WorkStore<OperationRecord> {
  /** It waits for its node. */
  insert(operation: NewOperation): Promise<void>
  /** as lists show it */
  listed(id: string): Promise<Operation | null>
  detail(id: string): Promise<OperationDetail | null>
  /** Newest first. */
  list(filter: OperationFilter, page: PageRequest): Promise<Page<Operation>>
  /** Compare and set: only while it is in `from`. @returns whether it was */
  change(id: string, from: Operation['state'], standing: WorkStanding, report?: OperationReport): Promise<boolean>
  /** The longest waiting one of the node. */
  startable(nodeId: string): Promise<OperationRecord | null>
  /** Whether an operation on an artifact of the job, of this kind where one is given, is under way or waits. */
  hasUnended(jobId: string, kind?: OperationKind): Promise<boolean>
}

const listedColumns = [
  'id',
  'kind',
  'run_id',
  'job_id',
  'node_id',
  'asked_by',
  'state',
  'outcome',
  'error',
  'created_at',
  'started_at',
  'ended_at',
  'cancel_requested_at',
  'progress',
] as const satisfies readonly (keyof Tables['operations'])[]
const recordColumns = [...listedColumns, 'spec', 'last_seq', 'node_seq'] as const

type Row = Selectable<Tables['operations']>
type ListedRow = Pick<Row, (typeof listedColumns)[number]>

export function createOperationStore(databases: Databases): OperationStore {
  const { read, write } = databases
  return {
    ...createWorkStore(databases, { table: 'operations', columns: recordColumns, recordOf }),
    async insert({ spec, ...operation }) {
      await write
        .insertInto('operations')
        .values({
          ...operation,
          kind: spec.kind,
          spec: writeJson(operationSpecSchema, spec),
          state: 'queued',
          outcome: null,
          error: null,
          offered_at: null,
          started_at: null,
          ended_at: null,
          cancel_requested_at: null,
          progress: null,
          report: null,
        })
        .execute()
    },
    async listed(id) {
      const row = await read.selectFrom('operations').select(listedColumns).where('id', '=', id).executeTakeFirst()
      return row === undefined ? null : listedOperation(row)
    },
    async detail(id) {
      const row = await read.selectFrom('operations').select(listedColumns).select(['spec', 'report']).where('id', '=', id).executeTakeFirst()
      if (row === undefined) return null
      const { spec, report, ...listed } = row
      return operationDetailSchema.parse({
        ...listedOperation(listed),
        spec: readJson(operationSpecSchema, spec),
        report: readJsonOrNull(operationReportSchema, report),
      })
    },
    async list({ job_id, run_id, kind, status }, { cursor, limit }) {
      let query = read.selectFrom('operations').select(listedColumns).orderBy('id', 'desc').limit(rowsToRead(limit))
      if (job_id !== undefined) query = query.where('job_id', '=', job_id)
      if (run_id !== undefined) query = query.where('run_id', '=', run_id)
      if (kind !== undefined) query = query.where('kind', '=', kind)
      if (status !== undefined) query = query.where('state', 'in', statesOf(status))
      if (cursor !== undefined) query = query.where('id', '<', cursor)
      return pageOf(await query.execute(), limit, (row) => row.id, listedOperation)
    },
    async change(id, from, standing, report) {
      const { error, ...plain } = { error: undefined, ...standing }
      const { numUpdatedRows } = await write
        .updateTable('operations')
        .set({
          ...plain,
          ...(error !== undefined && { error: writeJson(failureSchema, error) }),
          ...(report !== undefined && { report: writeJson(operationReportSchema, report) }),
        })
        .where('id', '=', id)
        .where('state', '=', from)
        .executeTakeFirst()
      return numUpdatedRows > 0n
    },
    async startable(nodeId) {
      const row = await read
        .selectFrom('operations')
        .select(recordColumns)
        .where('ended_at', 'is', null)
        .where('node_id', '=', nodeId)
        .where('state', '=', 'queued')
        .orderBy('id')
        .limit(1)
        .executeTakeFirst()
      return row === undefined ? null : recordOf(row)
    },
    async hasUnended(jobId, kind) {
      const ofJob = read.selectFrom('operations').select('id').where('job_id', '=', jobId).where('ended_at', 'is', null)
      const row = await (kind === undefined ? ofJob : ofJob.where('kind', '=', kind)).limit(1).executeTakeFirst()
      return row !== undefined
    },
  }
}

function statesOf(status: RunStatus): string[] {
  return operationStates.filter((state) => runStatus(state) === status)
}

function listedOperation(row: ListedRow): Operation {
  const error = readJsonOrNull(failureSchema, row.error)
  return operationSchema.parse({
    ...row,
    status: runStatus(row.state as Operation['state']),
    error_code: error?.code ?? null,
    error,
    progress: readJsonOrNull(progressSchema, row.progress),
  })
}

function recordOf(row: ListedRow & Pick<Row, 'spec' | 'last_seq' | 'node_seq'>): OperationRecord {
  const { spec, last_seq, node_seq, ...listed } = row
  return { ...listedOperation(listed), spec: readJson(operationSpecSchema, spec), last_seq, node_seq }
}
