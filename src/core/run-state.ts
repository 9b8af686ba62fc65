import { errorCodes, type ErrorCode } from './errors.ts'
import type { Failure, RunOutcome, RunState } from './run.ts'

/** What happens to a run. */
export type RunStep =
  /** the Hub hands it to its node */
  | { type: 'offer' }
  /** the node has it, and what it was told will be there after a crash */
  | { type: 'accept' }
  /** the node will not carry it out, or it cannot be offered at all */
  | { type: 'refuse'; error: Failure }
  /** somebody does not want it any more */
  | { type: 'cancel' }
  /** the node tells how it ended */
  | { type: 'end'; outcome: RunOutcome }
  /** the node does not know it, and knows its runs */
  | { type: 'lose' }
  /** it has waited for its node for too long */
  | { type: 'expire' }

/** Where a run stands, with the facts that are true there and nowhere before. Times are milliseconds since 1970. */
export type RunStanding =
  | { state: 'dispatched'; offered_at: number }
  | { state: 'running'; started_at: number }
  | { state: 'canceling'; cancel_requested_at: number }
  | { state: 'finished'; outcome: 'success' | 'warning'; ended_at: number }
  | { state: 'failed'; error: Failure; ended_at: number }
  | { state: 'canceled'; cancel_requested_at?: number; ended_at: number }

/** `stays`: nothing new, as when a message comes twice. `refused`: this does not happen to a run that stands there. */
export type RunMove = { moves: RunStanding } | { stays: true } | { refused: string }

export const interruptedFailure = codedFailure('interrupted', 'the node does not know this run any more: its process has ended before the run did')
export const expiredFailure = codedFailure('node_offline', 'the node was not there for 24 hours')

export function codedFailure(code: ErrorCode, message: string): Failure {
  return { code, message, hint: errorCodes[code].hint }
}

const stays = { stays: true } as const

/** The whole life of a run. Pure: reads nothing, changes nothing. */
export function nextRunState(state: RunState, step: RunStep, now: number): RunMove {
  const refused = { refused: `a run that is ${state} cannot ${step.type}` }
  const failed = (error: Failure): RunMove => ({ moves: { state: 'failed', error, ended_at: now } })
  const canceled: RunMove = { moves: { state: 'canceled', ended_at: now } }

  switch (state) {
    case 'queued':
      if (step.type === 'offer') return { moves: { state: 'dispatched', offered_at: now } }
      if (step.type === 'refuse') return failed(step.error)
      if (step.type === 'cancel') return { moves: { state: 'canceled', cancel_requested_at: now, ended_at: now } }
      if (step.type === 'expire') return failed(expiredFailure)
      return refused

    case 'dispatched':
      // A node that has never accepted it has not begun it: the offer is made again.
      if (step.type === 'offer' || step.type === 'lose') return stays
      if (step.type === 'accept') return { moves: { state: 'running', started_at: now } }
      if (step.type === 'refuse') return failed(step.error)
      if (step.type === 'cancel') return { moves: { state: 'canceling', cancel_requested_at: now } }
      if (step.type === 'end') return ended(step.outcome, now)
      return refused

    case 'running':
      if (step.type === 'offer' || step.type === 'accept') return stays
      if (step.type === 'cancel') return { moves: { state: 'canceling', cancel_requested_at: now } }
      if (step.type === 'end') return ended(step.outcome, now)
      if (step.type === 'lose') return failed(interruptedFailure)
      return refused

    case 'canceling':
      if (step.type === 'offer' || step.type === 'accept' || step.type === 'cancel') return stays
      // What came to its end before it could be canceled has ended so: an artifact that is complete is there.
      if (step.type === 'end') return ended(step.outcome, now)
      if (step.type === 'refuse' || step.type === 'lose') return canceled
      return refused

    case 'finished':
    case 'failed':
    case 'canceled':
    case 'rejected':
      return refused
  }
}

function ended(outcome: RunOutcome, now: number): RunMove {
  if (outcome.status === 'failed') return { moves: { state: 'failed', error: outcome.error, ended_at: now } }
  if (outcome.status === 'canceled') return { moves: { state: 'canceled', ended_at: now } }
  return { moves: { state: 'finished', outcome: outcome.status, ended_at: now } }
}
