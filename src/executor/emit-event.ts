import type { Clock } from '../core/clock.ts'
import type { RunEvent, RunEventKind } from '../core/run-event.ts'

/** Tells that something happened now. */
export function emitEvent(
  { clock, emit }: { clock: Clock; emit(event: RunEvent): void },
  kind: RunEventKind,
  message: string,
  fields: RunEvent['fields'] = {},
  level: RunEvent['level'] = 'info',
): void {
  emit({ ts: clock.now(), level, kind, message, fields })
}
