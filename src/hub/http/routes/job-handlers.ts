import { BastionError } from '../../../core/errors.ts'
import { fireTimes } from '../../../core/schedule.ts'
import type { jobRoutes } from '../../../protocol/http/job-routes.ts'
import type { scheduleRoutes } from '../../../protocol/http/schedule-routes.ts'
import type { Job } from '../../../protocol/job-spec.ts'
import type { Handlers } from '../handlers.ts'
import type { HttpServices } from '../http-services.ts'

type JobServices = Pick<HttpServices, 'store' | 'jobs' | 'dispatch' | 'vault'>

export function jobHandlers({ store, jobs, dispatch, vault }: JobServices): Handlers<typeof jobRoutes> {
  /** It is there to be printed or exported before the first run needs it. */
  async function makeKeyOf({ pipeline: { encryption } }: Pick<Job, 'pipeline'>): Promise<void> {
    if (encryption.type !== 'none') await vault.makeKey(encryption.key_name)
  }

  async function described(id: string): Promise<Job> {
    const job = await store.jobs.describe(id)
    if (job === null) throw new BastionError('not_found', `there is no job ${id}`)
    return job
  }

  return {
    list: ({ query: { archived, node_id, ...page } }) => store.jobs.list({ archived: archived === 'true', node_id }, page),
    async create({ body }) {
      await makeKeyOf(body)
      return described(await jobs.create(body))
    },
    get: ({ params: { id } }) => described(id),
    async update({ params: { id }, body }) {
      await jobs.update(id, body)
      await makeKeyOf(body)
      return described(id)
    },
    remove: async ({ params: { id }, query: { artifacts } }) => ({ result: await jobs.remove(id, artifacts) }),
    clone: async ({ params: { id }, body: { name } }) => described(await jobs.clone(id, name)),
    run: ({ params: { id } }) => dispatch.request(id),
    async archive({ params: { id }, query: { delete_artifacts } }) {
      await jobs.archive(id, { deleteArtifacts: delete_artifacts === 'true' })
      return described(id)
    },
    async unarchive({ params: { id } }) {
      await jobs.unarchive(id)
      return described(id)
    },
    async runs({ params: { id }, query: { status, ...page } }) {
      const [runs] = await Promise.all([store.runs.list({ job_id: id, status }, page), described(id)])
      return runs
    },
  }
}

export function scheduleHandlers({ clock }: Pick<HttpServices, 'clock'>): Handlers<typeof scheduleRoutes> {
  return {
    preview: async ({ body: { schedule, schedule_timezone, after, count } }) => ({
      fire_times: fireTimes(schedule, schedule_timezone, after ?? clock.now(), count),
    }),
  }
}
