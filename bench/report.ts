import { cpus, release, totalmem } from 'node:os'
import type { RowName } from './bars.ts'
import { summarize, verdicts, worstRows, type RowVerdict, type WorstRow } from './results.ts'
import type { PairedRun, Side } from './paired-runs.ts'
import type { RowResult } from './run-pairing.ts'
import type { Bench } from './run-bench.ts'

const mebibyte = 1024 * 1024
const rowTitles: Record<RowName, string> = { store: 'first backup', restore: 'restore' }

/** Headers and rows, as `ProofReport.table` and {@link asText} take them. */
export function resultTable(results: readonly RowResult[]): { headers: string[]; rows: string[][] } {
  const headers = ['row', 'corpus', 'ours', 'peer', 'rounds', 's', 'peer', 'ratio (min–max)', 'CPU s', 'peer', 'ratio', 'peak MiB', 'peer', 'ratio']
  headers.push('stored MB', 'peer', 'ratio')
  const rows = results.map(({ row, corpus, titles, rounds, storedBytes }) => {
    const { wallS, cpuS, peakBytes, wallRatio, cpuRatio, peakRatio } = summarize(rounds)
    return [
      rowTitles[row],
      corpus,
      titles.ours,
      titles.peer,
      String(rounds.length),
      wallS.ours.toFixed(2),
      wallS.peer.toFixed(2),
      `${wallRatio.median.toFixed(2)} (${wallRatio.min.toFixed(2)}–${wallRatio.max.toFixed(2)})`,
      cpuS.ours.toFixed(2),
      cpuS.peer.toFixed(2),
      cpuRatio.median.toFixed(2),
      (peakBytes.ours / mebibyte).toFixed(0),
      (peakBytes.peer / mebibyte).toFixed(0),
      peakRatio.median.toFixed(2),
      ...(storedBytes === null
        ? ['', '', '']
        : [(storedBytes.ours / 1e6).toFixed(1), (storedBytes.peer / 1e6).toFixed(1), (storedBytes.ours / storedBytes.peer).toFixed(2)]),
    ]
  })
  return { headers, rows }
}

export function verdictText({ peer, row, bar, geometricMean, worst }: RowVerdict): string {
  const found = `${peer}, ${rowTitles[row]}: geometric mean ${geometricMean.toFixed(2)}, worst ${worst.ratio.toFixed(2)} (corpus ${worst.corpus})`
  const asked = [
    ...(bar.gate === null ? [] : [`bar ${bar.gate.geometricMean.toFixed(2)}`]),
    ...(typeof bar.gate?.worst === 'number' ? [`none above ${bar.gate.worst.toFixed(2)}`] : []),
    ...(bar.aim === null ? [] : [`aim ${bar.aim.toFixed(2)}`]),
  ]
  return asked.length === 0 ? found : `${found}; ${asked.join(', ')}`
}

export function worstRowText({ what, result: { titles, row, corpus }, ratio }: WorstRow): string {
  return `${what}: ${ratio.toFixed(2)} of ${titles.peer} (${rowTitles[row]}, corpus ${corpus}, ${titles.ours})`
}

export function asText({ headers, rows }: { headers: readonly string[]; rows: readonly (readonly string[])[] }): string {
  const lines = [headers, ...rows]
  const widths = headers.map((_, column) => Math.max(...lines.map((line) => line[column]?.length ?? 0)))
  return lines
    .map((line) =>
      line
        .map((cell, column) => cell.padEnd(widths[column] ?? 0))
        .join('  ')
        .trimEnd(),
    )
    .join('\n')
}

/** Everything, down to the single run, for a file. */
export function asJson({ corpora, versions, results, checks, notMeasured }: Bench, date: Date): string {
  const machine = {
    processors: cpus().length,
    model: cpus().at(0)?.model ?? '',
    memory_bytes: totalmem(),
    kernel: release(),
    node: process.versions.node,
  }
  const rows = results.map(({ peer, row, corpus, titles, rounds, storedBytes }) => {
    const { wallS, cpuS, peakBytes, wallRatio, cpuRatio, peakRatio } = summarize(rounds)
    const summary = { wall_s: wallS, cpu_s: cpuS, peak_bytes: peakBytes, wall_ratio: wallRatio, cpu_ratio: cpuRatio, peak_ratio: peakRatio }
    return { peer, row, corpus, titles, summary, stored_bytes: storedBytes, rounds: rounds.map(roundJson) }
  })
  const judged = verdicts(results).map(({ peer, row, bar, geometricMean, worst, holds }) => {
    const gate = bar.gate === null ? null : { geometric_mean: bar.gate.geometricMean, worst: bar.gate.worst }
    return { peer, row, geometric_mean: geometricMean, worst, gate, aim: bar.aim, holds }
  })
  const worst = worstRows(results).map(({ what, result: { peer, row, corpus }, ratio }) => ({ what, peer, row, corpus, ratio }))
  const document = {
    date: date.toISOString(),
    machine,
    versions,
    corpora,
    rows,
    verdicts: judged,
    worst_rows: worst,
    checks,
    not_measured: notMeasured,
  }
  return `${JSON.stringify(document, null, 2)}\n`
}

function roundJson(round: PairedRun): Record<string, unknown> {
  const sideJson = (side: Side) => ({ wall_s: round[side].wallS, cpu_s: round[side].cpuS, peak_bytes: round[side].peakBytes })
  return { first: round.first, ours: sideJson('ours'), peer: sideJson('peer') }
}
