import { queryOptions } from '@tanstack/vue-query'
import type { Client } from '../../../../src/client/client.ts'
import { firstEvents } from '../../live/use-kept-events.ts'

/** One run, with what its end said. */
export function runQuery(client: Client, runId: string) {
  return queryOptions({ queryKey: ['run', runId], queryFn: () => client.runs.get({ params: { id: runId } }) })
}

/** What happened first in a run, asked for ahead of the page that goes on from there. */
export function firstEventsQuery(client: Client, runId: string) {
  return queryOptions({
    queryKey: ['first-events', runId],
    queryFn: () => client.runs.events({ params: { id: runId }, query: firstEvents }),
    staleTime: 1000,
  })
}
