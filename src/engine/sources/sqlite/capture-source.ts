import type { FilesystemSource } from '../../../core/filesystem-source.ts'
import type { RunEvent, RunEventKind } from '../../../core/run-event.ts'
import { type CaptureReport, emptyCaptureReport, isConcerning } from '../../../core/sqlite-capture.ts'
import type { ProgressMeter } from '../../progress-meter.ts'
import type { ComingItem, SourceItem } from '../source.ts'
import { capturedEntries, type CapturePolicy } from './captured-entries.ts'
import { createSqliteCapturer } from './sqlite-capturer.ts'

/** In the directory of a run: copies of databases, each until it is packed. */
export const capturesName = 'captures'

/** A source whose databases are captured when they are met. */
export interface CapturedSource extends AsyncDisposable {
  packed(entries: Iterable<SourceItem>): Iterable<ComingItem>
  /** Tells what became of them, once all is packed. `report` is null where none was met. */
  end(): { report: CaptureReport | null; deservesLook: boolean }
}

export function captureSource(
  spec: FilesystemSource,
  run: {
    directory: string
    progress: ProgressMeter
    signal: AbortSignal
    emit: (kind: RunEventKind, message: string, fields: Record<string, unknown>, level?: RunEvent['level']) => void
  },
): CapturedSource {
  const { directory, progress, signal, emit } = run
  const report = emptyCaptureReport()
  let deservesLook = false
  const capturer = createSqliteCapturer({ directory, signal, onProgress: (done, total) => progress.capturing(done, total) })
  const policy: CapturePolicy = {
    wanted: ({ frozen }) => (frozen === false ? 'when_live' : 'no'),
    check: false,
    onChecked() {},
    onRefused(_entry, refused) {
      deservesLook ||= isConcerning(refused)
    },
  }

  return {
    packed: (entries) => (spec.sqlite_capture === 'off' ? entries : capturedEntries(entries, capturer, policy, report)),
    end() {
      const { captured_total, refused_total } = report
      if (captured_total + refused_total === 0) return { report: null, deservesLook: false }
      const files = refused_total === 0 ? '' : `, ${refused_total} taken as plain files`
      emit('sqlite_captured', `${captured_total} databases captured${files}`, { ...report }, deservesLook ? 'warn' : 'info')
      return { report, deservesLook }
    },
    [Symbol.asyncDispose]: () => capturer[Symbol.asyncDispose](),
  }
}
