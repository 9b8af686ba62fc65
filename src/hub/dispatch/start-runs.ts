import { BastionError } from '../../core/errors.ts'
import { failureOf } from '../../core/run.ts'
import type { RunRecord } from '../store/run-store.ts'
import type { DispatchServices } from './dispatch-services.ts'
import { makeOffer } from './make-offer.ts'
import { moveWork, refuseWork } from './move-work.ts'
import { runBooks } from './run-books.ts'
import type { WorkKind } from './work-kind.ts'

/**
 * Offers queued runs to a node while it has room: the longest waiting first, of each job one. A run that cannot be offered has failed.
 * Called for one node at a time only.
 */
export async function startRuns(services: DispatchServices, kind: WorkKind, nodeId: string): Promise<void> {
  const { store, sessions, clock, limitOf } = services
  while (sessions.isConnected(nodeId)) {
    const room = limitOf(nodeId) - (await store.runs.withNode(nodeId)).length
    const [run] = room > 0 ? await store.runs.startable(nodeId, clock.now(), 1) : []
    if (run === undefined) return
    await startRun(services, kind, run)
  }
}

async function startRun(services: DispatchServices, kind: WorkKind, run: RunRecord): Promise<void> {
  const { store, changes, sessions, clock, log } = services
  const job = await store.jobs.get(run.job_id)
  if (job === null) throw new Error(`the run ${run.id} has no job`)
  let made: Awaited<ReturnType<typeof makeOffer>>
  try {
    made = await makeOffer(services, job, run)
  } catch (error) {
    if (!(error instanceof BastionError)) log.error({ run_id: run.id, err: error }, 'a run could not be prepared')
    await refuseWork(kind, services, run.id, failureOf(error))
    return
  }
  const { offer, credentials } = made
  const isOffered = await changes.transaction(async (tx, announce) => {
    const now = clock.now()
    const current = await tx.runs.get(run.id)
    // Meanwhile it may have been canceled, or another run of the job begun.
    if (current?.state !== 'queued' || (await tx.runs.unended(run.job_id)).some(({ state }) => state !== 'queued')) return false
    await moveWork(runBooks, { tx, announce, now }, current, { type: 'offer' }, { offer })
    return true
  })
  if (isOffered) sessions.send(run.node_id, { type: 'run.offer', plan: offer.plan, credentials })
}
