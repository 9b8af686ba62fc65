import { BastionError } from '../../core/errors.ts'
import type { FileVersion } from '../../core/file-version.ts'
import { failureOf } from '../../core/run.ts'
import type { VersionIn } from '../../protocol/http/entry-routes.ts'
import type { PlanSecrets } from '../dispatch/dispatch-services.ts'
import type { NodeSessions } from '../nodes/node-sessions.ts'
import type { ArtifactRecord } from '../store/artifact-store.ts'
import type { Page, PageRequest } from '../store/page.ts'
import type { Repositories } from '../store/store.ts'
import { accessTo, type ArtifactAccess } from './artifact-access.ts'

interface HistoryServices {
  readonly store: Pick<Repositories, 'artifacts' | 'jobs'>
  readonly nodes: Pick<NodeSessions, 'request'>
  readonly vault: Pick<PlanSecrets, 'credentialsFor' | 'identitiesFor'>
}

/** Artifacts that one node reads from one target with the same credentials: it is asked for them together. */
interface Place {
  readonly nodeId: string
  readonly access: Omit<ArtifactAccess, 'job_id' | 'run_id' | 'identities'>
  readonly artifacts: Pick<ArtifactAccess, 'job_id' | 'run_id' | 'identities'>[]
}

/**
 * What a page of a job's artifacts holds at a path, the newest first. Of those that cannot be asked it is told why.
 * @throws not_found without such a job · why the first place does not answer, when none does
 */
export async function fileHistory(
  { store, nodes, vault }: HistoryServices,
  jobId: string,
  path: { path: string; path_b64?: string | undefined },
  page: PageRequest,
  signal: AbortSignal,
): Promise<Page<VersionIn>> {
  if ((await store.jobs.get(jobId)) === null) throw new BastionError('not_found', `there is no job ${jobId}`)
  const { items, next_cursor } = await store.artifacts.list({ job_id: jobId }, { sort: 'ended_at', order: 'desc' }, page)
  const versions = new Map<string, FileVersion>()
  const places = new Map<string, Place>()
  const tell = (runId: string, error: unknown) => versions.set(runId, { state: 'unreadable', error: failureOf(error) })

  for (const { run_id: runId } of items) {
    const artifact = await store.artifacts.get(runId)
    if (artifact === null) continue
    try {
      addTo(places, artifact, await accessTo(vault, artifact))
    } catch (error) {
      if (!(error instanceof BastionError)) throw error
      tell(runId, error)
    }
  }
  const failures: BastionError[] = []
  await Promise.all(
    [...places.values()].map(async ({ nodeId, access, artifacts }) => {
      try {
        const asked = { kind: 'entries.history', ...access, artifacts, ...path } as const
        const answer = await nodes.request<'entries.history'>(nodeId, asked, { signal })
        if (answer.versions.length !== artifacts.length) throw new BastionError('protocol', `the node ${nodeId} has not answered for each artifact`)
        artifacts.forEach(({ run_id }, at) => versions.set(run_id, answer.versions[at]!))
      } catch (error) {
        if (signal.aborted || !(error instanceof BastionError)) throw error
        failures.push(error)
        for (const { run_id } of artifacts) tell(run_id, error)
      }
    }),
  )
  if (failures.length > 0 && failures.length === places.size) throw failures[0]!
  return {
    items: items.flatMap(({ run_id, ended_at, grade }) => {
      const version = versions.get(run_id)
      return version === undefined ? [] : [{ run_id, ended_at, grade, version }]
    }),
    next_cursor,
  }
}

function addTo(places: Map<string, Place>, { node_id: nodeId }: ArtifactRecord, { job_id, run_id, identities, ...access }: ArtifactAccess): void {
  const key = JSON.stringify([nodeId, access])
  const place = places.get(key) ?? { nodeId, access, artifacts: [] }
  place.artifacts.push({ job_id, run_id, identities })
  places.set(key, place)
}
