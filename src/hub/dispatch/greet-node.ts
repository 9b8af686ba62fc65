import { BastionError } from '../../core/errors.ts'
import { failureOf } from '../../core/run.ts'
import type { WorkRecord } from '../store/work-store.ts'
import type { DispatchServices } from './dispatch-services.ts'
import { loseWork, refuseWork } from './move-work.ts'
import type { WorkKind } from './work-kind.ts'

/** A run or an operation as its node knows it. */
export interface KnownWork {
  id: string
  last_seq: number
  ended: boolean
}

/**
 * Compares what the Hub has given a node with what the node knows, after either of them was away: goes on with what both know, offers again what never arrived,
 * gives up what is gone, and cancels what the Hub has given up.
 */
export async function greetNode(services: DispatchServices, kind: WorkKind, nodeId: string, knownWork: readonly KnownWork[]): Promise<void> {
  const { store, sessions } = services
  const { messages } = kind
  const withNode = await kind.store(store).withNode(nodeId)
  const known = new Set(knownWork.map(({ id }) => id))

  for (const record of withNode) {
    if (known.has(record.id)) {
      // It may still wait for the credentials, which went with the connection.
      if (record.node_seq === 0 && record.state !== 'canceling') await offerAgain(services, kind, record)
      sessions.send(nodeId, messages.attach(record.id, record.node_seq))
      if (record.state === 'canceling') sessions.send(nodeId, messages.cancel(record.id))
    } else if (record.state === 'dispatched') await offerAgain(services, kind, record)
    else await loseWork(kind, services, record.id)
  }

  const expected = new Set(withNode.map(({ id }) => id))
  for (const { id, last_seq, ended } of knownWork) {
    if (expected.has(id)) continue
    sessions.send(nodeId, ended ? messages.ack(id, last_seq, true) : messages.cancel(id))
  }
}

async function offerAgain(services: DispatchServices, kind: WorkKind, record: WorkRecord): Promise<void> {
  try {
    services.sessions.send(record.node_id, await kind.offerAgain(record))
  } catch (error) {
    if (!(error instanceof BastionError)) throw error
    // A node that has it already finds out by itself.
    if (record.state === 'dispatched') await refuseWork(kind, services, record.id, failureOf(error))
  }
}
