import type { Clock } from '../../core/clock.ts'
import { BastionError } from '../../core/errors.ts'
import type { OperationSpec } from '../../protocol/operation-spec.ts'
import type { AnnouncedChanges } from '../announced-changes.ts'
import { addWorkEvent } from '../dispatch/move-work.ts'
import type { Dispatch } from '../dispatch/dispatch.ts'
import type { WorkChange } from '../dispatch/work-kind.ts'
import type { NewOperation } from '../store/operation-store.ts'
import { artifactOf } from './artifact-access.ts'
import { operationBooks } from './operation-books.ts'

/** What people do with artifacts. @throws BastionError not_found · artifact_not_found · conflict */
export interface Operations {
  /** @returns the id of an operation that waits for the node that can reach the artifact */
  request(runId: string, spec: OperationSpec): Promise<string>
  /** Within a transaction of the caller, who wakes dispatch when it is committed. @returns the node */
  requestWithin(change: WorkChange, runId: string, spec: OperationSpec, askedBy: NewOperation['asked_by']): Promise<{ id: string; nodeId: string }>
  cancel(id: string): Promise<void>
}

export interface OperationServices {
  changes: AnnouncedChanges
  dispatch: Pick<Dispatch, 'wake' | 'cancel'>
  clock: Clock
  newId(): string
}

export function createOperations({ changes, dispatch, clock, newId }: OperationServices): Operations {
  async function requestWithin(change: WorkChange, runId: string, spec: OperationSpec, askedBy: NewOperation['asked_by']) {
    const { tx, announce, now } = change
    const { job_id, node_id, status } = await artifactOf(tx, runId)
    if (status !== 'present') {
      throw new BastionError('conflict', `the artifact is ${status}`, { hint: 'Choose one that is present.' })
    }
    const id = newId()
    await tx.operations.insert({ id, run_id: runId, job_id, node_id, asked_by: askedBy, created_at: now, spec })
    const message = askedBy === 'person' ? 'somebody asked for it' : 'its time has come'
    await addWorkEvent(operationBooks, change, id, { kind: 'queued', level: 'info', message, fields: {} })
    announce.operation(id)
    return { id, nodeId: node_id }
  }

  return {
    requestWithin,
    async request(runId, spec) {
      const { id, nodeId } = await changes.transaction((tx, announce) => requestWithin({ tx, announce, now: clock.now() }, runId, spec, 'person'))
      void dispatch.wake(nodeId)
      return id
    },
    cancel: (id) => dispatch.cancel(id, 'operation'),
  }
}
