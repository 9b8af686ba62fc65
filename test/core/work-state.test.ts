import { expect, test } from 'vitest'
import { operationStates } from '../../src/core/operation-kind.ts'
import { runStates } from '../../src/core/run-state.ts'
import { codedFailure, nextWorkState, type WorkState, type WorkStep } from '../../src/core/work-state.ts'

const now = 1000
const unreachable = codedFailure('target_unreachable', 'no answer')
const stored = { status: 'warning' } as const

const steps = {
  offer: { type: 'offer' },
  accept: { type: 'accept' },
  refuse: { type: 'refuse', error: unreachable },
  cancel: { type: 'cancel' },
  'end stored': { type: 'end', outcome: stored },
  'end failed': { type: 'end', outcome: { status: 'failed', error: unreachable } },
  'end canceled': { type: 'end', outcome: { status: 'canceled' } },
  lose: { type: 'lose' },
  expire: { type: 'expire' },
} as const satisfies Record<string, WorkStep>

/** What each step makes of each state: the state it moves to, `=` when nothing is new, `-` when it does not happen there. */
const table: Record<WorkState, Record<keyof typeof steps, WorkState | '=' | '-'>> = {
  queued: cells('dispatched - failed canceled - - - - failed'),
  dispatched: cells('= running failed canceling finished failed canceled = -'),
  running: cells('= = - canceling finished failed canceled failed -'),
  canceling: cells('= = canceled = finished failed canceled canceled -'),
  finished: cells('- - - - - - - - -'),
  failed: cells('- - - - - - - - -'),
  canceled: cells('- - - - - - - - -'),
  rejected: cells('- - - - - - - - -'),
}

function cells(text: string): Record<keyof typeof steps, WorkState | '=' | '-'> {
  const found = text.split(' ') as (WorkState | '=' | '-')[]
  return Object.fromEntries(Object.keys(steps).map((name, at) => [name, found[at]])) as Record<keyof typeof steps, WorkState | '=' | '-'>
}

for (const [noun, states] of [
  ['run', runStates],
  ['operation', operationStates],
] as const) {
  for (const state of states) {
    for (const [name, step] of Object.entries(steps)) {
      const expected = table[state][name as keyof typeof steps]
      test(`${noun}, ${state}, ${name}: ${{ '=': 'nothing new', '-': 'does not happen' }[expected as string] ?? expected}`, () => {
        const move = nextWorkState(noun, state, step, now)
        const found = 'moves' in move ? move.moves.state : 'stays' in move ? '=' : '-'
        expect(found).toBe(expected)
      })
    }
  }
}

test('a state carries the facts that are true in it', () => {
  const facts = (state: WorkState, step: WorkStep) => (nextWorkState('operation', state, step, now) as { moves: object }).moves
  expect(facts('queued', steps.offer)).toEqual({ state: 'dispatched', offered_at: now })
  expect(facts('dispatched', steps.accept)).toEqual({ state: 'running', started_at: now })
  expect(facts('running', steps.cancel)).toEqual({ state: 'canceling', cancel_requested_at: now })
  expect(facts('canceling', steps['end stored'])).toEqual({ state: 'finished', outcome: 'warning', ended_at: now })
  expect(facts('running', steps['end failed'])).toEqual({ state: 'failed', error: unreachable, ended_at: now })
  expect(facts('running', steps.lose)).toMatchObject({ state: 'failed', error: { code: 'interrupted' }, ended_at: now })
  expect(facts('queued', steps.expire)).toMatchObject({ state: 'failed', error: { code: 'node_offline' }, ended_at: now })
  expect(facts('queued', steps.cancel)).toEqual({ state: 'canceled', cancel_requested_at: now, ended_at: now })
})
