import type { RunEvent, RunEventKind } from '../../core/run-event.ts'
import type { Failure } from '../../core/run.ts'
import { nextWorkState, type WorkMove, type WorkStanding, type WorkStep } from '../../core/work-state.ts'
import type { WorkRecord } from '../store/work-store.ts'
import type { DispatchServices } from './dispatch-services.ts'
import type { WorkBooks, WorkChange, WorkKind } from './work-kind.ts'

/**
 * Takes a run or an operation one step further, as work-state.ts says, and keeps what is true then. `also` is kept with it when it moves.
 * @returns what came of it; `record` as it stood before
 */
export async function moveWork<Record extends WorkRecord, Also>(
  books: WorkBooks<Record, Also>,
  change: WorkChange,
  record: Record,
  step: WorkStep,
  also?: Also,
): Promise<WorkMove> {
  const move = nextWorkState(books.noun, record.state, step, change.now)
  if (!('moves' in move)) return move
  // Within the one transaction there is; that it stood elsewhere meanwhile is a bug.
  if (!(await books.keep(change, record, move.moves, also))) throw new Error(`the ${books.noun} ${record.id} is no longer ${record.state}`)
  const told = toldOf(move.moves)
  if (told !== null && !('ended_at' in move.moves && (await endIsTold(books, change, record)))) await addWorkEvent(books, change, record.id, told)
  books.announce(change.announce, record.id)
  return move
}

/** It will not be carried out. */
export async function refuseWork(kind: WorkKind, services: DispatchServices, id: string, error: Failure): Promise<void> {
  await failWork(kind, services, id, { type: 'refuse', error })
}

/** Its node does not know it any more. */
export async function loseWork(kind: WorkKind, services: DispatchServices, id: string): Promise<void> {
  await failWork(kind, services, id, { type: 'lose' })
}

async function failWork(kind: WorkKind, { changes, clock }: DispatchServices, id: string, step: WorkStep): Promise<void> {
  await changes.transaction(async (tx, announce) => {
    const change = { tx, announce, now: clock.now() }
    const record = await kind.store(tx).get(id)
    if (record === null) return
    const move = await moveWork(kind, change, record, step)
    if ('moves' in move && move.moves.state === 'failed') await kind.failed(change, record, move.moves.error)
  })
}

interface Told {
  kind: RunEventKind
  level: RunEvent['level']
  message: string
  fields: Record<string, unknown>
}

export async function addWorkEvent(
  books: Pick<WorkBooks, 'events' | 'announceEvents'>,
  { tx, announce, now }: WorkChange,
  id: string,
  told: Told,
): Promise<void> {
  books.announceEvents(announce, id, await books.events(tx).append(id, [{ ts: now, ...told }]))
}

/** What the Hub says of a step. Of the beginning and of success the node tells. */
function toldOf(standing: WorkStanding): Told | null {
  switch (standing.state) {
    case 'dispatched':
      return { kind: 'dispatched', level: 'info', message: 'offered to its node', fields: {} }
    case 'canceling':
      return { kind: 'cancel_requested', level: 'info', message: 'it shall be canceled', fields: {} }
    case 'canceled':
      return { kind: 'canceled', level: 'info', message: 'canceled', fields: {} }
    case 'failed': {
      const { code, message, hint } = standing.error
      return { kind: code === 'interrupted' ? 'interrupted' : 'failed', level: 'error', message, fields: { code, hint } }
    }
    case 'running':
    case 'finished':
      return null
  }
}

const endKinds: readonly RunEventKind[] = ['complete', 'failed', 'interrupted', 'canceled']

/** Whether the node's last words were already of the end. */
async function endIsTold(books: Pick<WorkBooks, 'events'>, { tx }: WorkChange, record: WorkRecord): Promise<boolean> {
  const { items } = await books.events(tx).list(record.id, Math.max(0, record.last_seq - 3), 3)
  return items.some(({ kind }) => endKinds.includes(kind))
}
