import type { QueryClient, QueryKey } from '@tanstack/vue-query'
import type { Operation } from '../../../../src/core/operation.ts'
import type { OperationDetail } from '../../../../src/protocol/operation-spec.ts'
import type { LiveInterest } from '../../app/feature.ts'
import { addRow, dropRow, hasRow, type KeysetPages, patchRow } from '../../components/list/keyset-pages.ts'
import { changeLists } from '../../live/change-lists.ts'
import { invalidateSoon } from '../../live/invalidate-soon.ts'

/** What a list of operations is of, as it stands in its key; empty is all. */
export interface OperationFilter {
  job: string
  run: string
  kind: string
  status: string
}

/** Operations in lists and alone are changed in place. */
export const operationsLive: LiveInterest = {
  topics: ['operations'],
  take(message, cache) {
    if (message.type === 'operation.changed') {
      const { operation } = message
      patchDetail(cache, operation.id, operation)
      changeLists<Operation>(cache, 'operations', (list, key) => keepIn(list, key, operation))
      if (operation.ended_at !== null) invalidateSoon(cache, ['operation', operation.id])
    } else if (message.type === 'operation.progress') {
      const { operation_id, progress } = message
      patchDetail(cache, operation_id, { progress })
      changeLists<Operation>(cache, 'operations', (list) => patchRow(list, isOperation(operation_id), (operation) => ({ ...operation, progress })))
    }
  },
  resumed(cache) {
    for (const noun of ['operations', 'operation']) invalidateSoon(cache, [noun])
  },
}

const isOperation = (id: string) => (operation: Operation) => operation.id === id

function patchDetail(cache: QueryClient, id: string, changed: Partial<Operation>): void {
  cache.setQueryData<OperationDetail>(['operation', id], (before) => before && { ...before, ...changed })
}

/** The newest stands first: ids sort by their time. @param key `['operations', filter]` */
function keepIn(list: KeysetPages<Operation>, [, filter]: QueryKey, operation: Operation): KeysetPages<Operation> {
  const { job, run, kind, status } = filter as OperationFilter
  const fits = [
    [job, operation.job_id],
    [run, operation.run_id],
    [kind, operation.kind],
    [status, operation.status],
  ].every(([wanted, is]) => wanted === '' || wanted === is)
  const isIt = isOperation(operation.id)
  if (!fits) return dropRow(list, isIt)
  if (hasRow(list, isIt)) return patchRow(list, isIt, (before) => ({ ...before, ...operation }))
  return addRow(list, operation, (one, other) => one.id > other.id)
}
