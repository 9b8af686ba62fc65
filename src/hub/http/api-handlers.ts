import type { HttpServices } from './http-services.ts'
import type { ApiHandlers } from './register-api.ts'
import { authHandlers, setupHandlers } from './routes/account-handlers.ts'
import { artifactHandlers } from './routes/artifact-handlers.ts'
import { entryHandlers } from './routes/entry-handlers.ts'
import { jobHandlers, scheduleHandlers } from './routes/job-handlers.ts'
import { maintenanceHandlers } from './routes/maintenance-handlers.ts'
import { nodeHandlers } from './routes/node-handlers.ts'
import { retentionHandlers } from './routes/retention-handlers.ts'
import { operationHandlers } from './routes/operation-handlers.ts'
import { runHandlers } from './routes/run-handlers.ts'
import { ageKeyHandlers, secretHandlers } from './routes/secret-handlers.ts'
import { overviewHandlers, settingsHandlers, systemHandlers } from './routes/system-handlers.ts'

/** @param setupToken see setupHandlers */
export function apiHandlers(services: HttpServices, setupToken: string | null): ApiHandlers {
  return {
    setup: setupHandlers(services, setupToken),
    auth: authHandlers(services),
    jobs: jobHandlers(services),
    runs: runHandlers(services),
    entries: entryHandlers(services),
    artifacts: artifactHandlers(services),
    retention: retentionHandlers(services),
    operations: operationHandlers(services),
    schedule: scheduleHandlers(services),
    nodes: nodeHandlers(services),
    maintenance: maintenanceHandlers(services),
    secrets: secretHandlers(services),
    ageKeys: ageKeyHandlers(services),
    settings: settingsHandlers(services),
    overview: overviewHandlers(services),
    system: systemHandlers(services),
  }
}
