import type { Job } from '../protocol/job-spec.ts'
import { listAll } from './all-pages.ts'
import type { Client } from './client.ts'

/** Every job of a Hub that is archived, or is not; both when it is not said. */
export async function listJobs(client: Client, isArchived?: boolean): Promise<Job[]> {
  if (isArchived === undefined) return [...(await listJobs(client, false)), ...(await listJobs(client, true))]
  return listAll((cursor) => client.jobs.list({ query: { archived: isArchived ? 'true' : 'false', limit: 200, cursor } }))
}
