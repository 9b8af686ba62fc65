import type { RunOutcome } from '../../core/run.ts'
import type { RunRecord } from '../store/run-store.ts'
import type { DispatchServices } from './dispatch-services.ts'
import { finishRun } from './finish-run.ts'
import { credentialsOf } from './make-offer.ts'
import { retryFailed } from './request-run.ts'
import { runBooks } from './run-books.ts'
import { startRuns } from './start-runs.ts'
import type { WorkKind } from './work-kind.ts'

/** Runs: as many at once as the node takes, and another in the place of one that failed. */
export function createRunKind(services: DispatchServices): WorkKind<RunRecord, RunOutcome> {
  const { store, newId } = services
  const kind: WorkKind<RunRecord, RunOutcome> = {
    ...runBooks,
    start: (nodeId) => startRuns(services, kind, nodeId),
    async offerAgain(run) {
      const offer = await store.runs.offer(run.id)
      if (offer === null) throw new Error(`the run ${run.id} was dispatched without an offer`)
      return { type: 'run.offer', plan: offer.plan, credentials: await credentialsOf(services, offer) }
    },
    finish: (change, run, outcome) => finishRun(change, run, outcome, newId()),
    failed: (change, run, error) => retryFailed(change, run, error, newId()),
  }
  return kind
}
