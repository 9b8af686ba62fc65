import { errorCodes, type ErrorCode } from './errors.ts'
import type { Failure } from './run.ts'
import type { RunState } from './run-state.ts'

/** What nodes carry out for the Hub: the runs of jobs, and operations on artifacts. They live alike; only a run can be rejected. */
export type WorkNoun = 'run' | 'operation'
export type WorkState = RunState

/** As much of an end as decides what becomes of the work. */
export type WorkEnd = { status: 'success' | 'warning' } | { status: 'failed'; error: Failure } | { status: 'canceled' }

/** What happens to it. */
export type WorkStep =
  /** the Hub hands it to its node */
  | { type: 'offer' }
  /** the node has it, and what it was told will be there after a crash */
  | { type: 'accept' }
  /** the node will not carry it out, or it cannot be offered at all */
  | { type: 'refuse'; error: Failure }
  /** somebody does not want it any more */
  | { type: 'cancel' }
  /** the node tells how it ended */
  | { type: 'end'; outcome: WorkEnd }
  /** the node does not know it, and knows its runs */
  | { type: 'lose' }
  /** it has waited for its node for too long */
  | { type: 'expire' }

/** Where it stands, with the facts that are true there and nowhere before. Times are milliseconds since 1970. */
export type WorkStanding =
  | { state: 'dispatched'; offered_at: number }
  | { state: 'running'; started_at: number }
  | { state: 'canceling'; cancel_requested_at: number }
  | { state: 'finished'; outcome: 'success' | 'warning'; ended_at: number }
  | { state: 'failed'; error: Failure; ended_at: number }
  | { state: 'canceled'; cancel_requested_at?: number; ended_at: number }

/** `stays`: nothing new, as when a message comes twice. `refused`: this does not happen to what stands there. */
export type WorkMove = { moves: WorkStanding } | { stays: true } | { refused: string }

export function interruptedFailure(noun: WorkNoun): Failure {
  return codedFailure('interrupted', `the node does not know this ${noun} any more: its process has ended before the ${noun} did`)
}
export const expiredFailure = codedFailure('node_offline', 'the node was not there for 24 hours')

export function codedFailure(code: ErrorCode, message: string): Failure {
  return { code, message, hint: errorCodes[code].hint }
}

const stays = { stays: true } as const

/** The whole life of a run or an operation. Pure: reads nothing, changes nothing. */
export function nextWorkState(noun: WorkNoun, state: WorkState, step: WorkStep, now: number): WorkMove {
  const refused = { refused: `a ${noun} that is ${state} cannot ${step.type}` }
  const failed = (error: Failure): WorkMove => ({ moves: { state: 'failed', error, ended_at: now } })
  const canceled: WorkMove = { moves: { state: 'canceled', ended_at: now } }

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
      if (step.type === 'lose') return failed(interruptedFailure(noun))
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

function ended(outcome: WorkEnd, now: number): WorkMove {
  if (outcome.status === 'failed') return { moves: { state: 'failed', error: outcome.error, ended_at: now } }
  if (outcome.status === 'canceled') return { moves: { state: 'canceled', ended_at: now } }
  return { moves: { state: 'finished', outcome: outcome.status, ended_at: now } }
}
