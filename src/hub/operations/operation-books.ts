import type { OperationReport } from '../../core/operation-report.ts'
import type { WorkBooks } from '../dispatch/work-kind.ts'
import type { OperationRecord } from '../store/operation-store.ts'

export const operationBooks: WorkBooks<OperationRecord, { report?: OperationReport | undefined }> = {
  noun: 'operation',
  store: ({ operations }) => operations,
  events: ({ operationEvents }) => operationEvents,
  keep: ({ tx }, operation, standing, also) => tx.operations.change(operation.id, operation.state, standing, also?.report),
  announce: (to, id) => to.operation(id),
  announceEvents: (to, id, events) => to.operationEvents(id, events),
  publishProgress(live, { id, job_id, run_id }, progress) {
    const message = { type: 'operation.progress', operation_id: id, job_id, run_id, progress } as const
    live.publish(`operation:${id}`, message)
    live.publish('operations', message)
  },
  messages: {
    cancel: (operation_id) => ({ type: 'operation.cancel', operation_id }),
    attach: (operation_id, after_seq) => ({ type: 'operation.attach', operation_id, after_seq }),
    ack: (operation_id, seq, ended) => ({ type: 'operation.ack', operation_id, seq, ended }),
  },
}
