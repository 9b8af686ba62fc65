import { isConcerning } from '../../../core/concerning-refusal.ts'
import { BastionError } from '../../../core/errors.ts'
import type { RunEvent, RunEventKind } from '../../../core/run-event.ts'
import type { SourceReading } from '../../../core/source.ts'
import { addCapture, type CaptureRefusal, type CaptureReport, emptyCaptureReport } from '../../../core/sqlite-capture.ts'
import { type BytePath, pathText, toBytePath } from '../../../lib/byte-path.ts'
import type { ProgressMeter } from '../../progress-meter.ts'
import type { ComingItem, SourceEntry, SourceItem } from '../source.ts'
import { capturedEntries } from './captured-entries.ts'
import { createSqliteCapturer } from './sqlite-capturer.ts'
import { mayBeDatabase, readSqliteHeader } from './sqlite-header.ts'

/** In the directory of a run: copies of databases, each until it is packed. */
export const capturesName = 'captures'

/** A source whose databases are captured. */
export interface CapturedSource extends AsyncDisposable {
  /**
   * Captures the databases without which the backup is worth nothing. They come first: what is added beside them later is not missed by them.
   * @param entries of the source, read as far as is needed
   * @throws BastionError why there is no use in going on
   */
  begin(entries: () => Iterable<SourceItem>): Promise<void>
  /** The entries as they are to be packed. */
  packed(entries: Iterable<SourceItem>): Iterable<ComingItem>
  /** Tells what became of the databases, once all is packed. `report` is null where none was met. */
  end(): { report: CaptureReport | null; deservesLook: boolean }
}

export function captureSource(
  { tree, databases, checksDatabases }: SourceReading,
  run: {
    directory: string
    progress: ProgressMeter
    signal: AbortSignal
    emit: (kind: RunEventKind, message: string, fields: Record<string, unknown>, level?: RunEvent['level']) => void
  },
): CapturedSource {
  const { directory, progress, signal, emit } = run
  const report = emptyCaptureReport()
  const captured = new Map<BytePath, SourceEntry>()
  let deservesLook = false
  const capturer = createSqliteCapturer({ directory, signal, onProgress: (done, total) => progress.capturing(done, total) })

  async function captureFirst(entry: SourceEntry): Promise<void> {
    const path = pathText(entry.path).text
    if (entry.kind !== 'file' || !mayBeDatabase(entry.sizeBytes) || readSqliteHeader(entry.physical, entry.followed) === null) {
      throw new BastionError('invalid_spec', `/${path} is no SQLite database`, {
        hint: 'Name the database itself, or back the file up as a filesystem source.',
      })
    }
    const done = await capturer.capture(entry, { check: checksDatabases })
    if ('refused' in done) throw refusalError(path, done.refused, done.message)
    const { check, how } = done
    if (check?.ok === false) {
      throw new BastionError('source_suspicious', `the database /${path} is damaged: ${check.problems[0] ?? 'SQLite does not say how'}`, {
        hint: 'Nothing was stored. Restore an older backup, or repair it; to store it as it is, turn integrity_check off.',
        details: { problems: check.problems },
      })
    }
    captured.set(entry.path, done.entry)
    addCapture(report, {
      path,
      how,
      size_bytes: done.entry.sizeBytes,
      ...(check === null ? {} : { foreign_key_violations: check.foreignKeyViolations }),
    })
  }

  return {
    async begin(entries) {
      const missing = new Set(databases.map((path) => toBytePath(path).slice(1)))
      if (missing.size === 0) return
      for (const item of entries()) {
        signal.throwIfAborted()
        if (!('entry' in item) || !missing.delete(item.entry.path)) continue
        await captureFirst(item.entry)
        if (missing.size === 0) return
      }
      const [path = ''] = missing
      throw new BastionError('source_not_found', `there is no database /${pathText(path).text}`, {
        hint: 'Check the path. A Vaultwarden server that keeps its data in MySQL or PostgreSQL is backed up with the tools of those.',
      })
    },
    packed: (entries) =>
      capturedEntries(entries, capturer, {
        captured,
        findsOthers: tree.sqlite_capture === 'auto',
        report,
        onRefused: (refused) => (deservesLook ||= isConcerning(refused)),
      }),
    end() {
      const [lost] = captured.keys()
      if (lost !== undefined) throw new BastionError('source_not_found', `/${pathText(lost).text} went away while it was backed up`)
      const { captured_total, refused_total } = report
      if (captured_total + refused_total === 0) return { report: null, deservesLook: false }
      const files = refused_total === 0 ? '' : `, ${refused_total} taken as plain files`
      emit('sqlite_captured', `${captured_total} databases captured${files}`, { ...report }, deservesLook ? 'warn' : 'info')
      return { report, deservesLook }
    },
    [Symbol.asyncDispose]: () => capturer[Symbol.asyncDispose](),
  }
}

function refusalError(path: string, refused: CaptureRefusal, message: string): BastionError {
  const text = `the database /${path} could not be captured: ${message}`
  switch (refused) {
    case 'locked':
    case 'changing':
    case 'interrupted':
      return new BastionError('source_consistency', text, {
        hint: 'Try again when its application is less busy, or stop it for the backup with a hook.',
      })
    case 'denied':
      return new BastionError('issues', text, { hint: 'Fix its permissions, or run Bastion as a user who may read it.' })
    case 'no_space':
      return new BastionError('internal', text, {
        hint: 'It is copied into the data directory first. Free some space there, or let --data-dir name another place.',
      })
    default:
      return new BastionError('source_suspicious', text, { hint: 'Open it with its application or with sqlite3, which say more.' })
  }
}
