import { BastionError } from '../../../core/errors.ts'
import type { maintenanceRoutes } from '../../../protocol/http/maintenance-routes.ts'
import type { IncompleteRun } from '../../../protocol/incomplete-run.ts'
import type { JobTarget } from '../../../protocol/job-spec.ts'
import { checkArtifact } from '../../artifacts/artifact-check.ts'
import type { DeleteSteps } from '../../artifacts/delete-steps.ts'
import { rebuildIndex } from '../../artifacts/index-rebuild.ts'
import type { SignedInUser } from '../../auth/sessions.ts'
import type { Handlers } from '../handlers.ts'
import type { HttpServices } from '../http-services.ts'

export function maintenanceHandlers(
  services: Pick<HttpServices, 'hubId' | 'store' | 'nodes' | 'vault' | 'clock' | 'cleanups'>,
): Handlers<typeof maintenanceRoutes> {
  const { store, cleanups } = services

  async function incompleteRun(runId: string): Promise<IncompleteRun> {
    const found = await store.incompleteRuns.get(runId)
    if (found === null) throw new BastionError('not_found', `nothing is known that the run ${runId} has left`)
    return found
  }

  /** What a person does to one removal. */
  const step =
    (work: DeleteSteps['retryNow']) =>
    async ({ params: { run_id } }: { params: { run_id: string } }, { signedIn }: { signedIn: SignedInUser }): Promise<IncompleteRun> => {
      await work(run_id, { user: signedIn.user.name })
      return incompleteRun(run_id)
    }

  return {
    rebuildIndex: ({ body }, { signal }) => rebuildIndex(services, { ...body, target: body.target as JobTarget }, signal),
    checkArtifact: ({ params: { id, run_id } }, { signal }) => checkArtifact(services, { jobId: id, runId: run_id }, signal),
    incomplete: ({ query: { status, ...page } }) => store.incompleteRuns.list({ status }, page),
    async incompleteEvents({ params: { run_id }, query: { after_seq, limit } }) {
      await incompleteRun(run_id)
      return { items: await store.cleanupTasks.events(run_id, after_seq, limit) }
    },
    retryCleanup: step(cleanups.retryNow),
    ignoreCleanup: step(cleanups.ignore),
    unignoreCleanup: step(cleanups.unignore),
  }
}
