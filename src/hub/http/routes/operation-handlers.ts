import { BastionError } from '../../../core/errors.ts'
import type { operationRoutes } from '../../../protocol/http/operation-routes.ts'
import type { OperationDetail } from '../../../protocol/operation-spec.ts'
import { accessTo, artifactOf } from '../../operations/artifact-access.ts'
import { destinationCredentials, plannedDestination } from '../../operations/restore-destination.ts'
import type { Handlers } from '../handlers.ts'
import type { HttpServices } from '../http-services.ts'

type OperationServices = Pick<HttpServices, 'store' | 'operations' | 'nodes' | 'vault'>

export function operationHandlers({ store, operations, nodes, vault }: OperationServices): Handlers<typeof operationRoutes> {
  async function detail(id: string): Promise<OperationDetail> {
    const operation = await store.operations.detail(id)
    if (operation === null) throw new BastionError('not_found', `there is no operation ${id}`)
    return operation
  }

  return {
    restore: async ({ params: { id }, body }) => ({ operation_id: await operations.request(id, { kind: 'restore', ...body }) }),
    async planRestore({ params: { id }, body: { destination, only, conflict } }, { signal }) {
      const artifact = await artifactOf(store, id)
      const { node_id: nodeId } = artifact
      const [access, credentials] = await Promise.all([accessTo(vault, artifact), destinationCredentials(vault, nodeId, destination)])
      const asked = { destination: plannedDestination(destination), destination_credentials: credentials, only, conflict }
      return nodes.request<'restore.plan'>(nodeId, { kind: 'restore.plan', ...access, ...asked }, { signal })
    },
    verify: async ({ params: { id }, body }) => ({ operation_id: await operations.request(id, { kind: 'verify', ...body }) }),
    drill: async ({ params: { id } }) => ({ operation_id: await operations.request(id, { kind: 'drill' }) }),
    list: ({ query: { cursor, limit, ...filter } }) => store.operations.list(filter, { cursor, limit }),
    get: ({ params: { id } }) => detail(id),
    async cancel({ params: { id } }) {
      await operations.cancel(id)
      return detail(id)
    },
    async events({ params: { id }, query: { after_seq, limit } }) {
      const { items } = await store.operationEvents.list(id, after_seq, limit)
      if (items.length === 0) await detail(id)
      return { items }
    },
  }
}
