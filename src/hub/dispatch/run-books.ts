import type { RunEvent, RunEventKind } from '../../core/run-event.ts'
import { lookAtJobBrakes } from '../artifacts/retention-brakes.ts'
import type { RunChange, RunRecord } from '../store/run-store.ts'
import { addWorkEvent } from './move-work.ts'
import type { WorkBooks, WorkChange } from './work-kind.ts'

export const runBooks: WorkBooks<RunRecord, RunChange> = {
  noun: 'run',
  store: ({ runs }) => runs,
  events: ({ runEvents }) => runEvents,
  async keep(change, run, standing, also = {}) {
    const { tx } = change
    const hasEnded = 'ended_at' in standing
    if (!(await tx.runs.change(run.id, run.state, { ...standing, ...also, ...(hasEnded && { offer: null }) }))) return false
    if (hasEnded) {
      await tx.jobs.noteEnded(run.job_id, standing.state)
      await lookAtJobBrakes(change, run.job_id)
    }
    return true
  },
  announce: (to, id) => to.run(id),
  announceEvents: (to, id, events) => to.events(id, events),
  publishProgress(live, { id, job_id }, progress) {
    const message = { type: 'run.progress', run_id: id, job_id, progress } as const
    live.publish(`run:${id}`, message)
    live.publish('runs', message)
  },
  messages: {
    cancel: (run_id) => ({ type: 'run.cancel', run_id }),
    attach: (run_id, after_seq) => ({ type: 'run.attach', run_id, after_seq }),
    ack: (run_id, seq, ended) => ({ type: 'run.ack', run_id, seq, ended }),
  },
}

export function addRunEvent(
  change: WorkChange,
  runId: string,
  kind: RunEventKind,
  message: string,
  fields: Record<string, unknown> = {},
  level: RunEvent['level'] = 'info',
): Promise<void> {
  return addWorkEvent(runBooks, change, runId, { kind, message, fields, level })
}
