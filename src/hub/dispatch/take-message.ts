import type { RunEvent } from '../../core/run-event.ts'
import type { OperationOutcome } from '../../core/operation.ts'
import type { RunOutcome } from '../../core/run.ts'
import type { WorkEnd } from '../../core/work-state.ts'
import type { NodeWorkMessage } from '../nodes/node-sessions.ts'
import type { OperationRecord } from '../store/operation-store.ts'
import type { RunRecord } from '../store/run-store.ts'
import type { WorkRecord } from '../store/work-store.ts'
import type { DispatchServices } from './dispatch-services.ts'
import type { MissingMessages } from './missing-messages.ts'
import { moveWork, refuseWork } from './move-work.ts'
import type { WorkKind } from './work-kind.ts'

export interface WorkKinds {
  readonly run: WorkKind<RunRecord, RunOutcome>
  readonly operation: WorkKind<OperationRecord, OperationOutcome>
}
type TakeServices = DispatchServices & { missing: MissingMessages; kinds: WorkKinds }

/** Of which piece of work a message speaks. */
export function workOf(kinds: WorkKinds, message: NodeWorkMessage): { kind: WorkKind; id: string } {
  return 'run_id' in message ? { kind: kinds.run, id: message.run_id } : { kind: kinds.operation, id: message.operation_id }
}

/** What a node says of a run or an operation. Messages may come twice, and of what has ended. @returns whether the node has room for more now */
export async function takeMessage(services: TakeServices, nodeId: string, message: NodeWorkMessage): Promise<boolean> {
  const { store, sessions, live } = services
  const { kind, id } = workOf(services.kinds, message)
  const record = await kind.store(store).get(id)
  const isFinished = message.type === 'run.finished' || message.type === 'operation.finished'
  if (record === null || record.node_id !== nodeId || record.ended_at !== null) {
    // Nothing that is told of it is new: the node may forget it.
    if (isFinished) sessions.send(nodeId, kind.messages.ack(id, message.last_seq, true))
    return false
  }
  switch (message.type) {
    case 'run.accepted':
    case 'operation.accepted':
      await acceptWork(services, kind, id)
      return false
    case 'run.refused':
    case 'operation.refused':
      await refuseWork(kind, services, id, message.error)
      return true
    case 'run.events':
    case 'operation.events':
      await keepEvents(services, kind, record, message)
      return false
    case 'run.progress':
    case 'operation.progress':
      await kind.store(store).setProgress(id, message.progress)
      kind.publishProgress(live, record, message.progress)
      return false
    case 'run.finished':
      return await finishWork(services, services.kinds.run, record, message)
    case 'operation.finished':
      return await finishWork(services, services.kinds.operation, record, message)
  }
}

async function acceptWork({ changes, clock }: DispatchServices, kind: WorkKind, id: string): Promise<void> {
  await changes.transaction(async (tx, announce) => {
    const record = await kind.store(tx).get(id)
    if (record !== null) await moveWork(kind, { tx, announce, now: clock.now() }, record, { type: 'accept' })
  })
}

async function keepEvents(
  services: TakeServices,
  kind: WorkKind,
  record: WorkRecord,
  { first_seq, events }: { first_seq: number; events: readonly RunEvent[] },
): Promise<void> {
  const { changes, sessions, clock, missing } = services
  const { id, node_seq } = record
  const known = node_seq + 1 - first_seq
  if (known < 0) return missing.ask(kind, record)
  const fresh = events.slice(known)
  if (fresh.length > 0) {
    await changes.transaction(async (tx, announce) => {
      const current = await kind.store(tx).get(id)
      // Who tells of it has accepted it.
      if (current?.state === 'dispatched') await moveWork(kind, { tx, announce, now: clock.now() }, current, { type: 'accept' })
      kind.announceEvents(announce, id, await kind.events(tx).append(id, fresh, { firstNodeSeq: node_seq + 1 }))
    })
  }
  sessions.send(record.node_id, kind.messages.ack(id, node_seq + fresh.length, false))
}

/** All or nothing. What has ended stays as it is. */
async function finishWork<Own extends WorkRecord, End extends WorkEnd>(
  { changes, sessions, clock, missing }: TakeServices,
  kind: WorkKind<Own, End>,
  { id, node_id, node_seq }: WorkRecord,
  { last_seq, outcome }: { last_seq: number; outcome: End },
): Promise<boolean> {
  if (last_seq > node_seq) {
    missing.ask(kind, { id, node_id, node_seq })
    return false
  }
  await changes.transaction(async (tx, announce) => {
    const record = await kind.store(tx).get(id)
    if (record !== null) await kind.finish({ tx, announce, now: clock.now() }, record, outcome)
  })
  sessions.send(node_id, kind.messages.ack(id, node_seq, true))
  return true
}
