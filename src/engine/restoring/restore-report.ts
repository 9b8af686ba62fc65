import type { Clock } from '../../core/clock.ts'
import type { Progress } from '../../core/run-event.ts'
import type { Artifact } from '../open-artifact.ts'
import type { Selection } from '../selection.ts'
import type { ExtractItem, ExtractOutcome, MetadataNote } from './extract-protocol.ts'

/** What became of a restore. `sample` lists hold at most 50 lines. */
export interface RestoreReport {
  restored: { files: number; dirs: number; links: number; others: number; bytes: number }
  skipped: number
  renamed: number
  /** sockets: they exist only while their program runs */
  not_restorable: number
  conflicts: { total: number; sample: string[] }
  failed: { total: number; sample: string[] }
  damaged: { total: number; sample: string[] }
  /** entries whose content is back but not all of their metadata */
  metadata: Record<MetadataNote, number> & { owners_restored: boolean }
}

const maxSamples = 50
const progressIntervalMs = 1000

/** @param outcome of an entry, once */
export function countOutcome(report: RestoreReport, item: ExtractItem, outcome: ExtractOutcome): void {
  switch (outcome.kind) {
    case 'done':
    case 'renamed': {
      if (item.kind === 'file') report.restored.files += 1
      else if (item.kind === 'dir') report.restored.dirs += 1
      else if (item.kind === 'symlink' || item.kind === 'hardlink') report.restored.links += 1
      else report.restored.others += 1
      report.restored.bytes += outcome.bytes
      if (outcome.kind === 'renamed') report.renamed += 1
      for (const what of outcome.notes ?? []) report.metadata[what] += 1
      break
    }
    case 'skipped':
      report.skipped += 1
      break
    case 'conflict':
      note(report.conflicts, outcome.message)
      break
    case 'failed':
      note(report.failed, outcome.message)
      break
    case 'damaged':
      note(report.damaged, outcome.message)
      break
    case 'spans':
      throw new Error('an entry that spans frames was not streamed')
  }
}

function note(list: { total: number; sample: string[] }, message: string): void {
  list.total += 1
  if (list.sample.length < maxSamples) list.sample.push(message)
}

export function emptyReport(owners: boolean): RestoreReport {
  const none = () => ({ total: 0, sample: [] })
  return {
    restored: { files: 0, dirs: 0, links: 0, others: 0, bytes: 0 },
    skipped: 0,
    renamed: 0,
    not_restorable: 0,
    conflicts: none(),
    failed: none(),
    damaged: none(),
    metadata: { owner: 0, mode: 0, mtime: 0, xattrs: 0, owners_restored: owners },
  }
}

/** @returns to be called after each entry; tells of the progress once a second */
export function createRestoreProgress(
  { artifact, selection, clock, onProgress }: { artifact: Artifact; selection: Selection; clock: Clock; onProgress: (progress: Progress) => void },
  report: RestoreReport,
): () => void {
  const startedMs = clock.now()
  let toldMs = startedMs
  return () => {
    const now = clock.now()
    if (now - toldMs < progressIntervalMs) return
    toldMs = now
    const { files, dirs, bytes } = report.restored
    const totals = artifact.manifest.totals
    const rate = bytes / Math.max(0.001, (now - startedMs) / 1000)
    onProgress({
      stage: 'restoring',
      done: { files, dirs, bytes },
      ...(selection.all ? { total: { files: totals.files, dirs: totals.dirs, bytes: totals.source_bytes } } : {}),
      rate_bps: Math.round(rate),
      eta_s: selection.all && rate > 0 ? Math.round((totals.source_bytes - bytes) / rate) : null,
      stored_bytes: 0,
    })
  }
}
