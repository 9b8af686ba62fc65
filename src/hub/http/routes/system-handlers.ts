import { BastionError } from '../../../core/errors.ts'
import type { overviewRoutes } from '../../../protocol/http/overview-routes.ts'
import type { settingsRoutes } from '../../../protocol/http/settings-routes.ts'
import type { systemRoutes } from '../../../protocol/http/system-routes.ts'
import { localNodeId } from '../../hub.ts'
import type { Handlers } from '../handlers.ts'
import type { HttpServices } from '../http-services.ts'

export function systemHandlers({ version, store, nodes }: Pick<HttpServices, 'version' | 'store' | 'nodes'>): Handlers<typeof systemRoutes> {
  return {
    health: async () => ({ status: 'ok' }),
    async ready() {
      await store.users.any() // the database answers
      if (!nodes.isConnected(localNodeId))
        throw new BastionError('node_offline', 'the node of this machine is not connected yet', { hint: 'Wait a moment.' })
      return { status: 'ready' }
    },
    system: async () => ({ name: 'bastion', version, api_version: 1 }),
  }
}

export function settingsHandlers({ settings }: Pick<HttpServices, 'settings'>): Handlers<typeof settingsRoutes> {
  return {
    get: async () => settings.current,
    replace: ({ body }) => settings.replace(body),
  }
}

const longestLookMs = 31 * 24 * 3600_000

export function overviewHandlers({ store, clock }: Pick<HttpServices, 'store' | 'clock'>): Handlers<typeof overviewRoutes> {
  return {
    async get() {
      const [jobs, runs, running, failing, upcoming, artifacts, deletes, proven, failingDrills] = await Promise.all([
        store.overview.jobCounts(),
        store.overview.runCounts(),
        store.overview.running(20),
        store.overview.failing(20),
        store.jobs.upcoming(localNodeId, clock.now(), 10),
        store.artifacts.counts(),
        store.deleteTasks.counts(),
        store.overview.provenCounts(),
        store.overview.failingDrills(20),
      ])
      const { blocked, abandoned } = deletes.status
      return {
        jobs,
        runs,
        artifacts: { ...artifacts.status, present_bytes: artifacts.present.reduce((sum, { stored_bytes }) => sum + stored_bytes, 0) },
        deletes: { blocked, abandoned, oldest_blocked_at: deletes.oldestBlockedAt },
        running,
        failing,
        upcoming,
        drills: { ...proven, failing: failingDrills },
      }
    },
    async days({ query }) {
      const since = Math.max(query.since, clock.now() - longestLookMs)
      return { since, days: await store.overview.days(since) }
    },
  }
}
