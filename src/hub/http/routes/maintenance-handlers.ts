import type { maintenanceRoutes } from '../../../protocol/http/maintenance-routes.ts'
import type { JobTarget } from '../../../protocol/job-spec.ts'
import { checkArtifact } from '../../artifacts/artifact-check.ts'
import { rebuildIndex } from '../../artifacts/index-rebuild.ts'
import type { Handlers } from '../handlers.ts'
import type { HttpServices } from '../http-services.ts'

export function maintenanceHandlers(
  services: Pick<HttpServices, 'hubId' | 'store' | 'nodes' | 'vault' | 'clock'>,
): Handlers<typeof maintenanceRoutes> {
  return {
    rebuildIndex: ({ body }, { signal }) => rebuildIndex(services, { ...body, target: body.target as JobTarget }, signal),
    checkArtifact: ({ params: { id, run_id } }, { signal }) => checkArtifact(services, { jobId: id, runId: run_id }, signal),
  }
}
