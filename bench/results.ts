import { type Bar, bars, type RowName } from './bars.ts'
import type { CorpusName } from './corpora.ts'
import type { PairedRun, Side } from './paired-runs.ts'
import type { PeerName } from './pairings.ts'
import type { RowResult } from './run-pairing.ts'

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
  peakRatio: Ratio
}

/** Medians; of memory the most. */
export function summarize(rounds: readonly PairedRun[]): RowSummary {
  const of = (side: Side, what: 'wallS' | 'cpuS' | 'peakBytes') => rounds.map((round) => round[side][what])
  const both = (what: 'wallS' | 'cpuS') => ({ ours: median(of('ours', what)), peer: median(of('peer', what)) })
  const ratio = (what: 'wallS' | 'cpuS' | 'peakBytes'): Ratio => {
    const ratios = rounds.map((round) => round.ours[what] / round.peer[what])
    return { median: median(ratios), min: Math.min(...ratios), max: Math.max(...ratios) }
  }
  return {
    wallS: both('wallS'),
    cpuS: both('cpuS'),
    peakBytes: { ours: Math.max(...of('ours', 'peakBytes')), peer: Math.max(...of('peer', 'peakBytes')) },
    wallRatio: ratio('wallS'),
    cpuRatio: ratio('cpuS'),
    peakRatio: ratio('peakBytes'),
  }
}

export interface RowVerdict {
  peer: PeerName
  row: RowName
  bar: Bar
  /** of the medians, over the corpora */
  geometricMean: number
  worst: { corpus: CorpusName; ratio: number }
  /** `null` where nothing is asked for */
  holds: boolean | null
}

export function verdicts(results: readonly RowResult[]): RowVerdict[] {
  const groups = Map.groupBy(results, ({ peer, row }) => `${peer} ${row}`)
  return [...groups.values()].map((group) => {
    const { peer, row } = group[0]!
    const ratios = group.map(({ corpus, rounds }) => ({ corpus, ratio: summarize(rounds).wallRatio.median }))
    const geometricMean = Math.exp(ratios.reduce((sum, { ratio }) => sum + Math.log(ratio), 0) / ratios.length)
    const worst = ratios.reduce((most, each) => (each.ratio > most.ratio ? each : most))
    const bar = bars[peer][row]
    if (bar === null) throw new Error(`${peer} is not timed in ${row}`)
    const holds = bar.gate === null ? null : geometricMean <= bar.gate.geometricMean && worst.ratio <= (bar.gate.worst ?? Infinity)
    return { peer, row, bar, geometricMean, worst, holds }
  })
}

export interface WorstRow {
  what: 'time' | 'CPU' | 'memory' | 'stored bytes'
  result: RowResult
  /** ours / peer */
  ratio: number
}

/** Where we look worst, for each thing that is measured. */
export function worstRows(results: readonly RowResult[]): WorstRow[] {
  const ratiosOf: Record<WorstRow['what'], (result: RowResult) => number> = {
    time: ({ rounds }) => summarize(rounds).wallRatio.median,
    CPU: ({ rounds }) => summarize(rounds).cpuRatio.median,
    memory: ({ rounds }) => summarize(rounds).peakRatio.median,
    'stored bytes': ({ storedBytes }) => (storedBytes === null ? 0 : storedBytes.ours / storedBytes.peer),
  }
  return Object.entries(ratiosOf).flatMap(([what, ratioOf]) => {
    const all = results.map((result) => ({ what: what as WorstRow['what'], result, ratio: ratioOf(result) }))
    const worst = all.filter(({ ratio }) => ratio > 0).sort((x, y) => y.ratio - x.ratio)
    return worst.slice(0, 1)
  })
}

function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b)
  const middle = sorted.length >> 1
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2
}
