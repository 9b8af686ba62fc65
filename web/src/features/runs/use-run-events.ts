import { useServices } from '../../app/services.ts'
import { useKeptEvents } from '../../live/use-kept-events.ts'

export function useRunEvents(runId: string) {
  const { client } = useServices()
  return useKeptEvents({ topic: `run:${runId}`, fetchPage: (query) => client.runs.events({ params: { id: runId }, query }) })
}
