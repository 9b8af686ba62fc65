import type { QueryClient, QueryKey } from '@tanstack/vue-query'
import type { RunDetail } from '../../../../src/core/run-detail.ts'
import type { Run } from '../../../../src/core/run.ts'
import type { LiveInterest } from '../../app/feature.ts'
import { addRow, dropRow, hasRow, type KeysetPages, patchRow } from '../../components/list/keyset-pages.ts'
import { changeLists } from '../../live/change-lists.ts'
import { invalidateSoon } from '../../live/invalidate-soon.ts'

/** Runs in lists and alone are changed in place; whatever shows them beside other things (jobs, overview) is asked for again. */
export const runsLive: LiveInterest = {
  topics: ['runs'],
  take(message, cache) {
    if (message.type === 'run.changed') {
      const { run } = message
      patchDetail(cache, run.id, run)
      changeLists<Run>(cache, 'runs', (list, key) => keepIn(list, key, run))
      invalidateSoon(cache, ['jobs'])
      invalidateSoon(cache, ['overview'])
      if (run.ended_at !== null) invalidateSoon(cache, ['run', run.id])
    } else if (message.type === 'run.progress') {
      const { run_id, progress } = message
      patchDetail(cache, run_id, { progress })
      changeLists<Run>(cache, 'runs', (list) => patchRow(list, isRun(run_id), (run) => ({ ...run, progress })))
    }
  },
  resumed(cache) {
    for (const noun of ['runs', 'run', 'jobs', 'overview']) invalidateSoon(cache, [noun])
  },
}

const isRun =
  (runId: string) =>
  ({ id }: Run) =>
    id === runId

function patchDetail(cache: QueryClient, runId: string, changed: Partial<Run>): void {
  cache.setQueryData<RunDetail>(['run', runId], (before) => before && { ...before, ...changed })
}

/** The newest run stands first: ids sort by their time. @param key `['runs', job, status]`, with '' for any */
function keepIn(list: KeysetPages<Run>, [, job, status]: QueryKey, run: Run): KeysetPages<Run> {
  const fits = (job === '' || job === run.job_id) && (status === '' || status === run.status)
  const isIt = isRun(run.id)
  if (!fits) return dropRow(list, isIt)
  return hasRow(list, isIt) ? patchRow(list, isIt, (before) => ({ ...before, ...run })) : addRow(list, run, (one, other) => one.id > other.id)
}
