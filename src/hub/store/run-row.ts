import type { Selectable } from 'kysely'
import { progressSchema } from '../../core/run-event.ts'
import { failureSchema, type Run, runSchema } from '../../core/run.ts'
import { type RunState, runStatus } from '../../core/run-state.ts'
import { readJsonOrNull } from './json-column.ts'
import type { Tables } from './tables.ts'

/** What lists show of a run: small columns, all in the row itself. */
export const listedColumns = [
  'id',
  'job_id',
  'node_id',
  'state',
  'outcome',
  'error',
  'retry_of',
  'attempt',
  'fire_at',
  'not_before',
  'folded',
  'created_at',
  'started_at',
  'ended_at',
  'cancel_requested_at',
  'grade',
  'consistency_changed_total',
  'issues_total',
  'progress',
] as const satisfies readonly (keyof Tables['runs'])[]

export type ListedRow = Pick<Selectable<Tables['runs']>, (typeof listedColumns)[number]>

export function listedRun(row: ListedRow): Run {
  const error = readJsonOrNull(failureSchema, row.error)
  return runSchema.parse({
    ...row,
    status: runStatus(row.state as RunState),
    error_code: error?.code ?? null,
    error,
    progress: readJsonOrNull(progressSchema, row.progress),
  })
}
