import type { RunEvent, RunEventKind } from '../../core/run-event.ts'
import { nextRunState, type RunMove, type RunStanding, type RunStep } from '../../core/run-state.ts'
import { lookAtJobBrakes } from '../artifacts/retention-brakes.ts'
import type { Announcements } from '../announced-changes.ts'
import type { RunChange, RunRecord } from '../store/run-store.ts'
import type { Repositories } from '../store/store.ts'

/** Under way in one transaction. */
export interface RunWork {
  tx: Repositories
  announce: Announcements
  now: number
}

/**
 * Takes a run one step further, as run-state.ts says, and keeps what is true then. `also` is kept with it when it moves.
 * @returns what came of it; `run` as it stood before
 */
export async function moveRun(work: RunWork, run: RunRecord, step: RunStep, also: RunChange = {}): Promise<RunMove> {
  const { tx, announce, now } = work
  const move = nextRunState(run.state, step, now)
  if (!('moves' in move)) return move
  const hasEnded = 'ended_at' in move.moves
  const change: RunChange = { ...move.moves, ...also, ...(hasEnded && { offer: null }) }
  // Within the one transaction there is; that it stood elsewhere meanwhile is a bug.
  if (!(await tx.runs.change(run.id, run.state, change))) throw new Error(`the run ${run.id} is no longer ${run.state}`)
  if (hasEnded) {
    await tx.jobs.noteEnded(run.job_id, move.moves.state)
    await lookAtJobBrakes(work, run.job_id)
  }
  const told = toldOf(move.moves)
  if (told !== null && !(hasEnded && (await endIsTold(work, run)))) await addEvent(work, run.id, told.kind, told.message, told.fields, told.level)
  announce.run(run.id)
  return move
}

export async function addEvent(
  { tx, announce, now }: RunWork,
  runId: string,
  kind: RunEventKind,
  message: string,
  fields: Record<string, unknown> = {},
  level: RunEvent['level'] = 'info',
): Promise<void> {
  announce.events(runId, await tx.runEvents.append(runId, [{ ts: now, level, kind, message, fields }]))
}

interface Told {
  kind: RunEventKind
  level: RunEvent['level']
  message: string
  fields: Record<string, unknown>
}

/** What the Hub says of a step. Of a run's beginning and of its success the node tells. */
function toldOf(standing: RunStanding): Told | null {
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
async function endIsTold({ tx }: RunWork, run: RunRecord): Promise<boolean> {
  const { items } = await tx.runEvents.list(run.id, Math.max(0, run.last_seq - 3), 3)
  return items.some(({ kind }) => endKinds.includes(kind))
}
