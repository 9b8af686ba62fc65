import { useQueryClient } from '@tanstack/vue-query'
import { useServices } from '../../app/services.ts'
import { useKeptEvents } from '../../live/use-kept-events.ts'
import { firstEventsQuery } from './run-query.ts'

export function useRunEvents(runId: string) {
  const { client } = useServices()
  const cache = useQueryClient()
  return useKeptEvents({
    topic: `run:${runId}`,
    fetchPage: (query) =>
      query.after_seq === 0 ? cache.query(firstEventsQuery(client, runId)) : client.runs.events({ params: { id: runId }, query }),
  })
}
