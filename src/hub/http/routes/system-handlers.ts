import { BastionError } from '../../../core/errors.ts'
import type { overviewRoutes } from '../../../protocol/http/overview-routes.ts'
import type { settingsRoutes } from '../../../protocol/http/settings-routes.ts'
import type { systemRoutes } from '../../../protocol/http/system-routes.ts'
import type { Handlers } from '../handlers.ts'
import type { HttpServices } from '../http-services.ts'
import { ownNode } from './node-handlers.ts'

export function systemHandlers({ version, store, nodes }: Pick<HttpServices, 'version' | 'store' | 'nodes'>): Handlers<typeof systemRoutes> {
  return {
    health: async () => ({ status: 'ok' }),
    async ready() {
      await store.users.any() // the database answers
      if (!nodes.isConnected(ownNode))
        throw new BastionError('node_offline', 'the node of this machine is not connected yet', { hint: 'Wait a moment.' })
      return { status: 'ready' }
    },
    system: async () => ({ name: 'bastion', version, api_version: 1 }),
  }
}

export function settingsHandlers({
  settings,
  dispatch,
  nodes,
}: Pick<HttpServices, 'settings' | 'dispatch' | 'nodes'>): Handlers<typeof settingsRoutes> {
  return {
    get: async () => settings.current,
    async replace({ body }) {
      const now = await settings.replace(body)
      for (const nodeId of nodes.connected()) void dispatch.wake(nodeId) // there may be room for more
      return now
    },
  }
}

export function overviewHandlers({ store, clock }: Pick<HttpServices, 'store' | 'clock'>): Handlers<typeof overviewRoutes> {
  return {
    async get() {
      const [jobs, runs, running, failing, upcoming] = await Promise.all([
        store.overview.jobCounts(),
        store.overview.runCounts(),
        store.overview.running(20),
        store.overview.failing(20),
        store.jobs.upcoming(ownNode, clock.now(), 10),
      ])
      return { jobs, runs, running, failing, upcoming }
    },
  }
}
