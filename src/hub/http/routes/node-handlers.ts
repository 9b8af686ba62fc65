import { BastionError } from '../../../core/errors.ts'
import type { nodeRoutes } from '../../../protocol/http/node-routes.ts'
import type { JobTarget } from '../../../protocol/job-spec.ts'
import { localNodeId } from '../../hub.ts'
import type { Handlers } from '../handlers.ts'
import type { HttpServices } from '../http-services.ts'

export function nodeHandlers({ nodes, store, vault }: Pick<HttpServices, 'nodes' | 'store' | 'vault'>): Handlers<typeof nodeRoutes> {
  /** The node that lives with the Hub is always one of them, connected or not. */
  const known = () => [...new Set([localNodeId, ...nodes.connected()])]

  async function described(id: string) {
    return { id, connected: nodes.isConnected(id), running: (await store.runs.withNode(id)).length }
  }

  return {
    list: async () => ({ items: await Promise.all(known().map(described)) }),
    async get({ params: { id } }) {
      if (!known().includes(id)) throw new BastionError('not_found', `there is no node ${id}`)
      return described(id)
    },
    async browse({ params: { id }, query: { path, cursor, limit } }, { signal }) {
      const after = cursor === undefined ? {} : { after: cursor }
      const { entries, next, ...directory } = await nodes.request<'fs.list'>(id, { kind: 'fs.list', path, ...after, limit }, { signal })
      return { ...directory, items: entries, next_cursor: next }
    },
    async checkTarget({ params: { id }, body }, { signal }) {
      const { secret_name: _, ...target } = body.target as JobTarget
      const credentials = await vault.credentialsFor(id, body.target)
      return nodes.request<'target.check'>(id, { kind: 'target.check', target, credentials }, { signal })
    },
    probeSnapshot: ({ params: { id }, body }, { signal }) => nodes.request<'snapshot.probe'>(id, { kind: 'snapshot.probe', ...body }, { signal }),
    leases: ({ params: { id } }, { signal }) => nodes.request<'lease.list'>(id, { kind: 'lease.list' }, { signal }),
    reapLeases: ({ params: { id } }, { signal }) => nodes.request<'lease.reap'>(id, { kind: 'lease.reap' }, { signal }),
  }
}
