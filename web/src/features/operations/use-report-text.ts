import type { OperationReport } from '../../../../src/core/operation-report.ts'
import { useFormat } from '../../app/format.ts'
import { useTexts } from '../../app/texts.ts'

export interface ReportText {
  isGood: boolean
  /** what has come of it, in one sentence */
  verdict: string
  facts: { key: string; name: string; value: string }[]
  /** what is wrong, by what kind of thing it is */
  problems: { title: string; total: number; lines: { name: string; message?: string }[] }[]
}

/** What an operation has found, in the language of the page. */
export function useReportText() {
  const { t } = useTexts()
  const { bytes, count, duration, rate } = useFormat()
  const fact = (key: FactKey, value: string | number) => ({
    key,
    name: t(`operations.report.${key}`),
    value: typeof value === 'number' ? count(value) : value,
  })
  const named = (lines: readonly string[]) => lines.map((name) => ({ name }))

  function ofRestored({ files, dirs, links, others, bytes: size }: { files: number; dirs: number; links: number; others: number; bytes: number }) {
    return [fact('files', files), fact('dirs', dirs), ...(links + others > 0 ? [fact('links', links + others)] : []), fact('bytes', bytes(size))]
  }

  function textOf(report: OperationReport): ReportText {
    const took = fact('duration', duration(report.duration_ms))
    if (report.kind === 'restore') {
      const { restored, conflicts, failed, damaged, metadata, not_held: held } = report
      const notHeld = held === undefined ? 0 : held.dirs + held.links + held.others
      const unlike = metadata.owner + metadata.mode + metadata.mtime + metadata.xattrs
      return {
        isGood: conflicts.total + failed.total + damaged.total === 0,
        verdict: t('operations.report.restoredTo', { destination: report.destination }),
        facts: [
          ...ofRestored(restored),
          ...(report.skipped > 0 ? [fact('skipped', report.skipped)] : []),
          ...(report.renamed > 0 ? [fact('renamed', report.renamed)] : []),
          ...(notHeld + report.not_restorable > 0 ? [fact('notHeld', notHeld + report.not_restorable)] : []),
          ...(unlike > 0 ? [fact('metadata', unlike)] : []),
          took,
        ],
        problems: [
          { title: t('operations.report.conflicts'), total: conflicts.total, lines: named(conflicts.sample) },
          { title: t('operations.report.failed'), total: failed.total, lines: named(failed.sample) },
          { title: t('operations.report.damaged'), total: damaged.total, lines: named(damaged.sample) },
        ],
      }
    }
    const damaged = {
      title: t('operations.report.damaged'),
      total: report.damaged.total,
      lines: report.damaged.sample.map(({ object, message }) => ({ name: object, message })),
    }
    const entries = fact(
      'entries',
      t('operations.report.ofAll', { checked: count(report.entries.checked), expected: count(report.entries.expected) }),
    )
    if (report.kind === 'verify') {
      const { checked, expected } = report.objects
      return {
        isGood: report.ok,
        verdict: t(report.ok ? 'operations.report.verified' : 'operations.report.notVerified', {
          level: t(`operations.verify.level.${report.level}`),
        }),
        facts: [
          fact('objects', t('operations.report.ofAll', { checked: count(checked), expected: count(expected) })),
          entries,
          fact('bytes', bytes(report.entries.bytes)),
          took,
        ],
        problems: [damaged],
      }
    }
    const { sqlite, recipe, restored, restore_ms: restoreMs } = report
    return {
      isGood: report.proven,
      verdict: t(report.proven ? 'operations.report.proven' : 'operations.report.notProven'),
      facts: [
        ...ofRestored(restored),
        fact('restoreTime', duration(restoreMs)),
        ...(restoreMs > 0 && restored.bytes > 0 ? [fact('restoreRate', rate((restored.bytes * 1000) / restoreMs))] : []),
        entries,
        ...(sqlite.found > 0 ? [fact('databases', t('operations.report.ofAll', { checked: count(sqlite.ok), expected: count(sqlite.found) }))] : []),
        ...(recipe === null ? [] : [fact('recipe', recipe.checks.map(({ name, ok }) => `${ok ? '✓' : '✗'} ${name}`).join(', '))]),
        took,
      ],
      problems: [
        damaged,
        {
          title: t('operations.report.badDatabases'),
          total: sqlite.failed.length,
          lines: sqlite.failed.map(({ path, message }) => ({ name: path, message })),
        },
        ...(recipe === null
          ? []
          : [
              {
                title: t('operations.report.badChecks'),
                total: recipe.checks.filter(({ ok }) => !ok).length,
                lines: recipe.checks.flatMap(({ name, ok, message }) => (ok ? [] : [{ name, message }])),
              },
            ]),
      ],
    }
  }

  return textOf
}

type FactKey =
  | 'files'
  | 'dirs'
  | 'links'
  | 'bytes'
  | 'skipped'
  | 'renamed'
  | 'notHeld'
  | 'metadata'
  | 'duration'
  | 'objects'
  | 'entries'
  | 'databases'
  | 'recipe'
  | 'restoreTime'
  | 'restoreRate'
