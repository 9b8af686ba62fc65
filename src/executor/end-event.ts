import type { RunEvent, RunEventKind } from '../core/run-event.ts'
import type { WorkNoun } from '../core/work-state.ts'
import type { WorkOutcome } from '../protocol/runner-messages.ts'

export const canceledText = { run: 'the backup was canceled', operation: 'the operation was canceled' } as const satisfies Record<WorkNoun, string>

/** What an executor that found work without an outcome adds to its journal, too. */
export function endEvent(noun: WorkNoun, outcome: WorkOutcome, nowMs: number): RunEvent | null {
  const event = (kind: RunEventKind, message: string, fields: RunEvent['fields'] = {}, level: RunEvent['level'] = 'error') => ({
    ts: nowMs,
    level,
    kind,
    message,
    fields,
  })
  if (outcome.status === 'canceled') return event('canceled', canceledText[noun], {}, 'info')
  // `complete` was told when it was.
  if (outcome.status !== 'failed') return null
  const { code, message, hint } = outcome.error
  return event(code === 'interrupted' ? 'interrupted' : 'failed', message, { code, hint })
}
