import { BastionError } from '../../core/errors.ts'
import { failureOf } from '../../core/run.ts'
import { interruptedFailure } from '../../core/run-state.ts'
import type { KnownRun } from '../../protocol/node-messages.ts'
import type { Credentials } from '../../protocol/run-plan.ts'
import type { RunRecord } from '../store/run-store.ts'
import type { DispatchServices } from './dispatch-services.ts'
import { credentialsOf } from './make-offer.ts'
import { moveRun } from './move-run.ts'
import { retryFailed } from './request-run.ts'
import { refuseRun } from './start-runs.ts'

/**
 * Compares what the Hub has given a node with what the node knows, after either of them was away: goes on with what both know, offers again what never arrived,
 * gives up what is gone, and cancels what the Hub has given up.
 */
export async function greetNode(services: DispatchServices, nodeId: string, knownRuns: readonly KnownRun[]): Promise<void> {
  const { store, sessions } = services
  const withNode = await store.runs.withNode(nodeId)
  const known = new Map(knownRuns.map((run) => [run.run_id, run]))

  for (const run of withNode) {
    if (known.has(run.id)) {
      // It may still wait for the credentials, which went with the connection.
      if (run.node_seq === 0 && run.state !== 'canceling') await offerAgain(services, run)
      sessions.send(nodeId, { type: 'run.attach', run_id: run.id, after_seq: run.node_seq })
      if (run.state === 'canceling') sessions.send(nodeId, { type: 'run.cancel', run_id: run.id })
    } else if (run.state === 'dispatched') await offerAgain(services, run)
    else await loseRun(services, run.id)
  }

  const expected = new Set(withNode.map(({ id }) => id))
  for (const { run_id, last_seq, ended } of knownRuns) {
    if (expected.has(run_id)) continue
    if (ended) sessions.send(nodeId, { type: 'run.ack', run_id, seq: last_seq, ended: true })
    else sessions.send(nodeId, { type: 'run.cancel', run_id })
  }
}

async function offerAgain(services: DispatchServices, run: RunRecord): Promise<void> {
  const offer = await services.store.runs.offer(run.id)
  if (offer === null) throw new Error(`the run ${run.id} was dispatched without an offer`)
  let credentials: Credentials
  try {
    credentials = await credentialsOf(services, offer)
  } catch (error) {
    if (!(error instanceof BastionError)) throw error
    // A node that has it already finds out by itself.
    if (run.state === 'dispatched') await refuseRun(services, run.id, failureOf(error))
    return
  }
  services.sessions.send(run.node_id, { type: 'run.offer', plan: offer.plan, credentials })
}

async function loseRun({ changes, clock, newId }: DispatchServices, runId: string): Promise<void> {
  await changes.transaction(async (tx, announce) => {
    const work = { tx, announce, now: clock.now() }
    const run = await tx.runs.get(runId)
    if (run === null) return
    const move = await moveRun(work, run, { type: 'lose' })
    if ('moves' in move && move.moves.state === 'failed') await retryFailed(work, run, interruptedFailure, newId())
  })
}
