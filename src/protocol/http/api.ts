import { authRoutes, setupRoutes } from './account-routes.ts'
import { ageKeyRoutes } from './age-key-routes.ts'
import { artifactRoutes } from './artifact-routes.ts'
import { entryRoutes } from './entry-routes.ts'
import { jobRoutes } from './job-routes.ts'
import { maintenanceRoutes } from './maintenance-routes.ts'
import { nodeRoutes } from './node-routes.ts'
import { operationRoutes } from './operation-routes.ts'
import { overviewRoutes } from './overview-routes.ts'
import { retentionRoutes } from './retention-routes.ts'
import type { Route } from './route.ts'
import { runRoutes } from './run-routes.ts'
import { scheduleRoutes } from './schedule-routes.ts'
import { secretRoutes } from './secret-routes.ts'
import { settingsRoutes } from './settings-routes.ts'
import { systemRoutes } from './system-routes.ts'

/** Every call of the HTTP API, by noun. `jobs.list` is the name of the first one in the client and in OpenAPI. */
export const api = {
  setup: setupRoutes,
  auth: authRoutes,
  jobs: jobRoutes,
  runs: runRoutes,
  entries: entryRoutes,
  artifacts: artifactRoutes,
  retention: retentionRoutes,
  operations: operationRoutes,
  schedule: scheduleRoutes,
  nodes: nodeRoutes,
  maintenance: maintenanceRoutes,
  secrets: secretRoutes,
  ageKeys: ageKeyRoutes,
  settings: settingsRoutes,
  overview: overviewRoutes,
  system: systemRoutes,
} as const
export type Api = typeof api

/** As much of a route as who calls it has to know: plain data, without the schemas of what goes in and what comes out. */
export interface RouteAddress extends Pick<Route, 'method' | 'path'> {
  readonly noun: string
  readonly name: string
  readonly status: number
  readonly answer: 'json' | 'bytes' | 'nothing'
}

export function routeAddresses(): RouteAddress[] {
  return allRoutes().map(({ noun, name, route: { method, path, answer } }) => {
    return { noun, name, method, path, status: answer.status, answer: 'json' in answer ? 'json' : 'bytes' in answer ? 'bytes' : 'nothing' }
  })
}

/** One after the other. */
export function allRoutes(): { noun: string; name: string; route: Route }[] {
  const nouns: Readonly<Record<string, Readonly<Record<string, Route>>>> = api
  return Object.entries(nouns).flatMap(([noun, routes]) => Object.entries(routes).map(([name, route]) => ({ noun, name, route })))
}
