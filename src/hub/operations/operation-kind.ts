import { BastionError } from '../../core/errors.ts'
import type { OperationOutcome } from '../../core/operation.ts'
import { failureOf } from '../../core/run.ts'
import type { HubMessage } from '../../protocol/node-messages.ts'
import type { DispatchServices } from '../dispatch/dispatch-services.ts'
import { moveWork, refuseWork } from '../dispatch/move-work.ts'
import type { WorkChange, WorkKind } from '../dispatch/work-kind.ts'
import type { OperationRecord } from '../store/operation-store.ts'
import { makeOperationOffer } from './make-operation-offer.ts'
import { operationBooks } from './operation-books.ts'

/** Beside the runs of a node: somebody who waits for a file does not wait for backups. */
const operationsPerNode = 2

export function createOperationKind(services: DispatchServices): WorkKind<OperationRecord, OperationOutcome> {
  const { store, changes, sessions, clock, log } = services

  async function start(operation: OperationRecord): Promise<void> {
    let offer: HubMessage
    try {
      offer = await makeOperationOffer(services, operation)
    } catch (error) {
      if (!(error instanceof BastionError)) log.error({ operation_id: operation.id, err: error }, 'an operation could not be prepared')
      await refuseWork(kind, services, operation.id, failureOf(error))
      return
    }
    const isOffered = await changes.transaction(async (tx, announce) => {
      const current = await tx.operations.get(operation.id)
      // Meanwhile it may have been canceled.
      if (current?.state !== 'queued') return false
      await moveWork(operationBooks, { tx, announce, now: clock.now() }, current, { type: 'offer' })
      return true
    })
    if (isOffered) sessions.send(operation.node_id, offer)
  }

  const kind: WorkKind<OperationRecord, OperationOutcome> = {
    ...operationBooks,
    async start(nodeId) {
      while (sessions.isConnected(nodeId)) {
        const hasRoom = (await store.operations.withNode(nodeId)).length < operationsPerNode
        const next = hasRoom ? await store.operations.startable(nodeId) : null
        if (next === null) return
        await start(next)
      }
    },
    offerAgain: (operation) => makeOperationOffer(services, operation),
    async finish(change, operation, outcome) {
      const report = 'report' in outcome ? outcome.report : undefined
      const move = await moveWork(operationBooks, change, operation, { type: 'end', outcome }, { report })
      if ('refused' in move) throw new Error(move.refused)
      await keepEvidence(change, operation, outcome)
    },
    // A person looks at it, or the next drill comes.
    failed: async (change, operation) => noteDrill(change, operation),
  }
  return kind
}

/** What a drill has proven is known of its job from then on, until a newer one proves more. */
async function keepEvidence(change: WorkChange, operation: OperationRecord, outcome: OperationOutcome): Promise<void> {
  await noteDrill(change, operation)
  if (outcome.status !== 'success' && outcome.status !== 'warning') return
  const { report } = outcome
  if (report.kind !== 'drill' || !report.proven) return
  await change.tx.jobs.noteProven(operation.job_id, { proven_at: change.now, proven_run_id: operation.run_id, proven_restore_ms: report.restore_ms })
}

async function noteDrill({ tx, announce }: WorkChange, { id, kind, job_id }: OperationRecord): Promise<void> {
  if (kind !== 'drill') return
  await tx.jobs.noteDrill(job_id, id)
  announce.job(job_id)
}
