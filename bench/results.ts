import type { PairedRun, Side } from './paired-runs.ts'
import type { RowName, RowResult } from './rows.ts'

const mebibyte = 1024 * 1024

/** What is to be reached, over all corpora of a row. */
export const bars: Record<RowName, { geometricMean: number; worst: number; aim: number }> = {
  store: { geometricMean: 1.05, worst: 1.2, aim: 0.8 },
  'store-age': { geometricMean: 1.15, worst: 1.25, aim: 0.85 },
  // Reported, not yet a bar for each corpus.
  restore: { geometricMean: 1, worst: Infinity, aim: 0.6 },
  'restore-age': { geometricMean: 1, worst: Infinity, aim: 0.6 },
}
export const maxPeakBytes = 400 * mebibyte

/** Of ours and the peer in one round: below 1 is faster, or less. */
export interface Ratio {
  median: number
  min: number
  max: number
}

export interface RowSummary {
  wallS: Record<Side, number>
  cpuS: Record<Side, number>
  peakBytes: Record<Side, number>
  wallRatio: Ratio
  cpuRatio: Ratio
}

export function summarize(rounds: readonly PairedRun[]): RowSummary {
  const of = (side: Side, what: 'wallS' | 'cpuS' | 'peakBytes') => rounds.map((round) => round[side][what])
  const medians = (what: 'wallS' | 'cpuS') => ({ ours: median(of('ours', what)), peer: median(of('peer', what)) })
  const ratio = (what: 'wallS' | 'cpuS'): Ratio => {
    const ratios = rounds.map((round) => round.ours[what] / round.peer[what])
    return { median: median(ratios), min: Math.min(...ratios), max: Math.max(...ratios) }
  }
  return {
    wallS: medians('wallS'),
    cpuS: medians('cpuS'),
    peakBytes: { ours: Math.max(...of('ours', 'peakBytes')), peer: Math.max(...of('peer', 'peakBytes')) },
    wallRatio: ratio('wallS'),
    cpuRatio: ratio('cpuS'),
  }
}

/** Headers and rows, as `ProofReport.table` and {@link asText} take them. */
export function resultTable(results: readonly RowResult[]): { headers: string[]; rows: string[][] } {
  return {
    headers: [
      'row',
      'corpus',
      'peer',
      's, ours',
      's, peer',
      'ratio (min–max)',
      'CPU s, ours',
      'peer',
      'ratio',
      'peak MiB, ours',
      'peer',
      'stored MB, ours',
      'peer',
    ],
    rows: results.map((result) => {
      const { wallS, cpuS, peakBytes, wallRatio, cpuRatio } = summarize(result.rounds)
      const { storedBytes } = result
      return [
        result.row,
        result.corpus,
        result.peer,
        wallS.ours.toFixed(2),
        wallS.peer.toFixed(2),
        `${wallRatio.median.toFixed(2)} (${wallRatio.min.toFixed(2)}–${wallRatio.max.toFixed(2)})`,
        cpuS.ours.toFixed(2),
        cpuS.peer.toFixed(2),
        cpuRatio.median.toFixed(2),
        (peakBytes.ours / mebibyte).toFixed(0),
        (peakBytes.peer / mebibyte).toFixed(0),
        storedBytes === null ? '' : (storedBytes.ours / 1e6).toFixed(1),
        storedBytes === null ? '' : (storedBytes.peer / 1e6).toFixed(1),
      ]
    }),
  }
}

export interface RowVerdict {
  row: RowName
  /** of the medians, over the corpora */
  geometricMean: number
  worst: number
  holds: boolean
}

export function verdicts(results: readonly RowResult[]): RowVerdict[] {
  return [...new Set(results.map((result) => result.row))].map((row) => {
    const ratios = results.filter((result) => result.row === row).map((result) => summarize(result.rounds).wallRatio.median)
    const geometricMean = Math.exp(ratios.reduce((sum, ratio) => sum + Math.log(ratio), 0) / ratios.length)
    const worst = Math.max(...ratios)
    return { row, geometricMean, worst, holds: geometricMean <= bars[row].geometricMean && worst <= bars[row].worst }
  })
}

export function verdictText({ row, geometricMean, worst }: RowVerdict): string {
  const bar = bars[row]
  const worstBar = bar.worst === Infinity ? '' : `, none above ${bar.worst.toFixed(2)}`
  return `${row}: geometric mean ${geometricMean.toFixed(2)}, worst ${worst.toFixed(2)} (bar ${bar.geometricMean.toFixed(2)}${worstBar}; aim ${bar.aim.toFixed(2)})`
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

function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b)
  const middle = sorted.length >> 1
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2
}
