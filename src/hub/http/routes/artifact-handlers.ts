import type { DeleteTask } from '../../../core/delete-task.ts'
import { BastionError } from '../../../core/errors.ts'
import { atLeast } from '../../../core/role.ts'
import type { ListedArtifact } from '../../../protocol/artifact-listing.ts'
import type { artifactRoutes } from '../../../protocol/http/artifact-routes.ts'
import type { RouteRequest } from '../../../protocol/http/route.ts'
import type { RequestedDelete } from '../../artifacts/artifact-deletion.ts'
import type { SignedInUser } from '../../auth/sessions.ts'
import type { Handlers } from '../handlers.ts'
import type { HttpServices } from '../http-services.ts'

type ArtifactServices = Pick<HttpServices, 'store' | 'deletion' | 'pins'>
interface Named {
  id: string
  run_id: string
}

export function artifactHandlers({ store, deletion, pins }: ArtifactServices): Handlers<typeof artifactRoutes> {
  async function named({ id, run_id }: Named): Promise<ListedArtifact> {
    const artifact = await store.artifacts.listed(run_id)
    if (artifact?.job_id !== id) throw new BastionError('artifact_not_found', `the job ${id} has no artifact of a run ${run_id}`)
    return artifact
  }

  async function task(params: Named): Promise<DeleteTask> {
    await named(params)
    const found = await store.deleteTasks.get(params.run_id)
    if (found === null) throw new BastionError('not_found', 'nobody has asked for this artifact to be deleted')
    return found
  }

  async function list({ query }: Pick<RouteRequest<typeof artifactRoutes.list>, 'query'>) {
    const { sort, order, cursor, limit, pinned, ignored, ...filter } = query
    return store.artifacts.list(
      { ...filter, ignored: ignored === 'true', ...(pinned !== undefined && { pinned: pinned === 'true' }) },
      { sort, order },
      { cursor, limit },
    )
  }

  /** What a person does to the delete of one artifact. */
  const step =
    (work: typeof deletion.retryNow) =>
    async ({ params }: { params: Named }, { signedIn }: { signedIn: SignedInUser }): Promise<DeleteTask> => {
      await named(params)
      await work(params.run_id, { user: signedIn.user.name })
      return task(params)
    }

  return {
    list,
    holds: async () => ({ items: await store.deleteTasks.holds() }),
    confirmMissing: async ({ params: { target_id } }, { signedIn }) => ({
      confirmed: await deletion.believeMissing(target_id, { user: signedIn.user.name }),
    }),
    async ofJob({ params: { id }, query }) {
      const [page, job] = await Promise.all([list({ query: { ...query, job_id: id } }), store.jobs.get(id)])
      if (job === null) throw new BastionError('not_found', `there is no job ${id}`)
      return page
    },
    get: ({ params }) => named(params),
    async pin({ params }) {
      await named(params)
      await pins.pin(params.run_id)
      return named(params)
    },
    async unpin({ params }) {
      await named(params)
      await pins.unpin(params.run_id)
      return named(params)
    },
    async delete({ params, query }, { signedIn }) {
      const force = query.force === 'true'
      checkForce(force, signedIn)
      await named(params)
      const [requested] = await deletion.requestDelete({
        runIds: [params.run_id],
        force,
        by: 'person',
        fieldsOf: () => ({ user: signedIn.user.name }),
      })
      refuse(requested!)
      return task(params)
    },
    async deleteMany({ params: { id }, body: { run_ids, force } }, { signedIn }) {
      checkForce(force, signedIn)
      if ((await store.jobs.get(id)) === null) throw new BastionError('not_found', `there is no job ${id}`)
      const own = new Set(await store.artifacts.amongOf(id, run_ids))
      const asked = [...new Set(run_ids)]
      const requested = await deletion.requestDelete({
        runIds: asked.filter((runId) => own.has(runId)),
        force,
        by: 'person',
        fieldsOf: () => ({ user: signedIn.user.name }),
      })
      const results = new Map(requested.map((one) => [one.run_id, one]))
      return { items: asked.map((run_id) => results.get(run_id) ?? { run_id, result: 'not_found' as const }) }
    },
    deleteTask: ({ params }) => task(params),
    async deleteEvents({ params, query: { after_seq, limit } }) {
      await task(params)
      return { items: await store.deleteTasks.events(params.run_id, after_seq, limit) }
    },
    retryNow: step(deletion.retryNow),
    ignore: step(deletion.ignore),
    unignore: step(deletion.unignore),
  }
}

function checkForce(force: boolean, { user }: SignedInUser): void {
  if (force && !atLeast(user.role, 'admin')) throw new BastionError('not_allowed', `force is for the role admin, and you are ${user.role}`)
}

function refuse({ run_id, result }: RequestedDelete): void {
  if (result === 'pinned') throw new BastionError('snapshot_pinned', `the artifact of ${run_id} is pinned`)
  if (result === 'newest_good') {
    throw new BastionError('conflict', 'this is the newest good artifact of its job', { hint: 'Add force to delete it all the same.' })
  }
}
