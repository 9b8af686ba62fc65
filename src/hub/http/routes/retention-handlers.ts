import type { retentionRoutes } from '../../../protocol/http/retention-routes.ts'
import type { Handlers } from '../handlers.ts'
import type { HttpServices } from '../http-services.ts'

export function retentionHandlers({ jobs, retention }: Pick<HttpServices, 'jobs' | 'retention'>): Handlers<typeof retentionRoutes> {
  return {
    get: ({ params: { id } }) => retention.describe(id),
    async replace({ params: { id }, body }) {
      await jobs.setRetention(id, body)
      return retention.describe(id)
    },
    preview: ({ params: { id }, body }) => retention.preview(id, body),
    apply: ({ params: { id }, body }) => retention.apply(id, body),
    async accept({ params: { id }, body: { run_id } }) {
      await retention.accept(id, run_id)
      return retention.describe(id)
    },
    async giveUp({ params: { id }, body: { run_id } }) {
      await retention.giveUp(id, run_id)
      return retention.describe(id)
    },
    brakes: async () => ({ items: await retention.brakes() }),
    releaseClock: () => retention.releaseClock(),
  }
}
