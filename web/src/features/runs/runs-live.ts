import type { InfiniteData, QueryClient } from '@tanstack/vue-query'
import type { Run, RunDetail } from '../../../../src/core/run.ts'
import type { LiveInterest } from '../../app/feature.ts'
import { invalidateSoon } from '../../live/invalidate-soon.ts'

type RunPages = InfiniteData<{ items: Run[]; next_cursor: string | null }>

/** Runs in lists and alone are changed in place; whatever shows them beside other things (jobs, overview) is asked for again. */
export const runsLive: LiveInterest = {
  topics: ['runs'],
  take(message, cache) {
    if (message.type === 'run.changed') {
      const { run } = message
      patchRun(cache, run.id, (before) => ({ ...before, ...run }))
      // A new one has its place in lists this does not know.
      if (!isListed(cache, run.id)) invalidateSoon(cache, ['runs'])
      invalidateSoon(cache, ['jobs'])
      invalidateSoon(cache, ['overview'])
      if (run.ended_at !== null) invalidateSoon(cache, ['run', run.id])
    } else if (message.type === 'run.progress') {
      patchRun(cache, message.run_id, (before) => ({ ...before, progress: message.progress }))
    }
  },
  resumed(cache) {
    for (const noun of ['runs', 'run', 'jobs', 'overview']) invalidateSoon(cache, [noun])
  },
}

function patchRun(cache: QueryClient, runId: string, patch: <Kept extends Run>(before: Kept) => Kept): void {
  cache.setQueryData<RunDetail>(['run', runId], (before) => before && patch(before))
  cache.setQueriesData<RunPages>({ queryKey: ['runs'] }, (before) => before && inPages(before, runId, patch))
}

function inPages(pages: RunPages, runId: string, patch: (before: Run) => Run): RunPages {
  if (!pages.pages.some(({ items }) => items.some(({ id }) => id === runId))) return pages
  return { ...pages, pages: pages.pages.map((page) => ({ ...page, items: page.items.map((run) => (run.id === runId ? patch(run) : run)) })) }
}

function isListed(cache: QueryClient, runId: string): boolean {
  const lists = cache.getQueriesData<RunPages>({ queryKey: ['runs'] })
  return lists.every(([, data]) => data === undefined || data.pages.some(({ items }) => items.some(({ id }) => id === runId)))
}
