import { formatSchema } from '../../core/artifact.ts'
import type { Clock } from '../../core/clock.ts'
import type { RebuiltPage } from '../../protocol/http/maintenance-routes.ts'
import type { JobTarget } from '../../protocol/job-spec.ts'
import type { ScannedPlace } from '../../protocol/node-replies.ts'
import type { NodeSessions } from '../nodes/node-sessions.ts'
import type { SecretsVault } from '../secrets/secrets-vault.ts'
import type { Repositories, Store } from '../store/store.ts'
import { damagedChange } from './artifact-check.ts'
import { stubSpec } from './stub-spec.ts'

export interface RebuildServices {
  hubId: string
  store: Store
  nodes: Pick<NodeSessions, 'request'>
  vault: Pick<SecretsVault, 'credentialsFor' | 'identitiesFor'>
  clock: Clock
}

export interface RebuildRequest {
  node_id: string
  target: JobTarget
  target_id?: string | undefined
  after?: string | undefined
  limit: number
  identities: readonly string[]
}

type Complete = Extract<ScannedPlace, { state: 'complete' }>

/** Artifacts kept in one transaction: whoever else writes waits meanwhile. */
const keptTogether = 100

/**
 * Learns from a page of a target what the Hub does not know: archived jobs, runs and artifacts. What it knows stays as it is, but for what turns out damaged. Again it learns nothing new.
 * @throws what the node answers instead of a page · not_found without the target's secret
 */
export async function rebuildIndex(services: RebuildServices, request: RebuildRequest, signal: AbortSignal): Promise<RebuiltPage> {
  const { store, nodes, vault } = services
  const { node_id: nodeId, target: place, target_id, after, limit, identities } = request
  const { secret_name: _, ...target } = place
  const keys = await store.ageKeys.list()
  const page = await nodes.request<'target.scan'>(
    nodeId,
    {
      kind: 'target.scan',
      target,
      credentials: await vault.credentialsFor(nodeId, place),
      ...(target_id !== undefined && { expected_target_id: target_id }),
      ...(after !== undefined && { after }),
      limit,
      identities: [...identities, ...(await vault.identitiesFor(keys.map(({ recipient }) => recipient)))],
    },
    { signal },
  )
  const rebuilt: RebuiltPage = {
    target_id: page.target_id,
    learned: { jobs: 0, runs: 0, artifacts: 0 },
    known: 0,
    damaged: [],
    missing: [],
    foreign: [],
    incomplete: 0,
    next: page.next,
  }
  const complete = page.found.filter((found) => found.state === 'complete')
  const jobs = new Map(complete.flatMap(({ job_id, job }) => (job === undefined ? [] : [[job_id, job] as const])))
  for (let at = 0; at < complete.length; at += keptTogether)
    await store.transaction(async (tx) => {
      for (const found of complete.slice(at, at + keptTogether)) await learn(tx, services, request, found, jobs.get(found.job_id), rebuilt)
    })
  for (const found of page.found) {
    if (found.state === 'foreign') rebuilt.foreign.push({ path: found.path, why: found.why })
    if (found.state === 'incomplete') rebuilt.incomplete += 1
    if (found.state === 'damaged') rebuilt.damaged.push({ job_id: found.job_id, run_id: found.run_id, why: found.why })
  }
  for (const { run_id, why } of rebuilt.damaged) await store.artifacts.change(run_id, 'present', damagedChange(why))
  const there = new Set(page.found.flatMap((found) => (found.state === 'complete' || found.state === 'damaged' ? [found.run_id] : [])))
  for await (const ref of store.artifacts.presentOn(page.target_id, after ?? null, page.next)) if (!there.has(ref.run_id)) rebuilt.missing.push(ref)
  return rebuilt
}

async function learn(
  tx: Repositories,
  { hubId, clock }: RebuildServices,
  { node_id: nodeId, target }: RebuildRequest,
  found: Complete,
  job: Complete['job'],
  rebuilt: RebuiltPage,
): Promise<void> {
  const { job_id, run_id, artifact } = found
  const known = await tx.artifacts.get(run_id)
  if (known !== null) {
    if (known.manifest_hash === artifact.manifest_hash) rebuilt.known += 1
    else rebuilt.damaged.push({ job_id, run_id, why: 'its manifest is not the one that was stored' })
    return
  }
  const now = clock.now()
  const run = await tx.runs.get(run_id)
  // Its end is on its way to be told.
  if (run !== null && run.ended_at === null) return
  if ((await tx.jobs.get(job_id)) === null) {
    const spec = stubSpec({
      jobId: job_id,
      nodeId,
      target,
      job,
      format: formatSchema.parse(artifact.format),
      isEncrypted: found.recipients.length > 0,
    })
    await tx.jobs.insert({
      id: job_id,
      spec,
      target_id: artifact.target_id,
      next_run_at: null,
      created_at: found.started_at,
      updated_at: now,
      archived_at: now,
    })
    rebuilt.learned.jobs += 1
  }
  if (run === null) {
    await tx.runs.insert({
      id: run_id,
      job_id,
      node_id: nodeId,
      state: 'finished',
      error: null,
      retry_of: null,
      attempt: 1,
      fire_at: null,
      not_before: null,
      folded: 0,
      created_at: found.started_at,
      ended_at: found.ended_at,
    })
    await tx.runs.change(run_id, 'finished', {
      outcome: 'success',
      started_at: found.started_at,
      grade: artifact.grade,
      consistency_changed_total: found.consistency_changed_total,
      summary: { artifact, learned_at: now },
    })
    rebuilt.learned.runs += 1
  }
  await tx.artifacts.insert({
    run_id,
    job_id,
    node_id: nodeId,
    target_snapshot: target,
    target_id: artifact.target_id,
    manifest_hash: artifact.manifest_hash,
    artifact_format: formatSchema.parse(artifact.format),
    recipients: found.recipients,
    grade: artifact.grade,
    holes: artifact.holes,
    totals: artifact.totals,
    completed_at: artifact.completed_at,
    ended_at: found.ended_at,
    hub_id: found.hub_id === hubId ? null : found.hub_id,
  })
  rebuilt.learned.artifacts += 1
}
