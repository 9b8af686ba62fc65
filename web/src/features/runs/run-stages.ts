import type { KeptRunEvent, RunEventKind } from '../../../../src/core/run-event.ts'

export const stageNames = ['queued', 'starting', 'snapshot', 'scan', 'packing', 'closing'] as const
export type StageName = (typeof stageNames)[number]

export interface RunStage {
  name: StageName
  startedAt: number
  /** null while it goes on */
  endedAt: number | null
  /** something in it deserves a look */
  level: 'info' | 'warn' | 'error'
}

const stageOf: Partial<Record<RunEventKind, StageName>> = {
  queued: 'queued',
  dispatched: 'starting',
  started: 'starting',
  planning: 'starting',
  snapshot_started: 'snapshot',
  snapshot_ready: 'snapshot',
  snapshot_unavailable: 'snapshot',
  scan: 'scan',
  packaging: 'packing',
  upload: 'packing',
  part_stored: 'packing',
  sqlite_captured: 'packing',
  coverage: 'closing',
  source_consistency: 'closing',
  issues: 'closing',
}

const levels = ['info', 'warn', 'error'] as const

/** The stages a run went through, in order, by what its events tell. A stage ends where the next one begins, or with the run. */
export function runStages(events: readonly KeptRunEvent[], endedAt: number | null): RunStage[] {
  const stages: RunStage[] = []
  for (const { kind, ts, level } of events) {
    const name = stageOf[kind]
    const last = stages.at(-1)
    if (
      kind !== 'snapshot_unavailable' &&
      last !== undefined &&
      levels.indexOf(level) > levels.indexOf(last.level) &&
      (name === undefined || name === last.name)
    )
      last.level = level
    if (name === undefined || (last !== undefined && stageNames.indexOf(name) <= stageNames.indexOf(last.name))) continue
    if (last !== undefined) last.endedAt = ts
    // A source that cannot be frozen is read live: no warning by itself.
    stages.push({ name, startedAt: ts, endedAt: null, level: kind === 'snapshot_unavailable' ? 'info' : level })
  }
  const last = stages.at(-1)
  if (last !== undefined) last.endedAt = endedAt
  return stages
}
