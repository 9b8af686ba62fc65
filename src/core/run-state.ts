/** Where a run stands. What each may become is in work-state.ts. */
export const runStates = ['queued', 'dispatched', 'running', 'canceling', 'finished', 'failed', 'canceled', 'rejected'] as const
export type RunState = (typeof runStates)[number]

/** The coarse view of the seeds; `finished` is a success, with or without a warning. */
export const runStatuses = ['queued', 'running', 'success', 'failed', 'canceled', 'rejected'] as const
export type RunStatus = (typeof runStatuses)[number]

const statusOf = {
  queued: 'queued',
  dispatched: 'queued',
  running: 'running',
  canceling: 'running',
  finished: 'success',
  failed: 'failed',
  canceled: 'canceled',
  rejected: 'rejected',
} as const satisfies Record<RunState, RunStatus>

export function runStatus(state: RunState): RunStatus {
  return statusOf[state]
}
