import { describe, expect, test } from 'vitest'
import type { RowName } from '../../bench/bars.ts'
import type { CorpusName } from '../../bench/corpora.ts'
import type { PairedRun } from '../../bench/paired-runs.ts'
import type { PeerName } from '../../bench/pairings.ts'
import { asJson, resultTable } from '../../bench/report.ts'
import { summarize, verdicts, worstRows } from '../../bench/results.ts'
import type { RowResult } from '../../bench/run-pairing.ts'

function run(oursS: number, peerS: number): PairedRun {
  const side = (wallS: number) => ({ wallS, cpuS: wallS * 2, peakBytes: wallS * 2 ** 20 })
  return { first: 'ours', ours: side(oursS), peer: side(peerS) }
}

function result(peer: PeerName, row: RowName, corpus: CorpusName, rounds: PairedRun[]): RowResult {
  return { peer, row, corpus, titles: { ours: 'bastion', peer }, rounds, storedBytes: row === 'store' ? { ours: 90, peer: 100 } : null }
}

describe('what a benchmark makes of its rounds', () => {
  test('a ratio is one within a round: a machine that was slow for a whole round does not count', () => {
    const { wallRatio, wallS } = summarize([run(1, 2), run(10, 20), run(3, 2)])
    expect(wallRatio).toEqual({ median: 0.5, min: 0.5, max: 1.5 })
    expect(wallS).toEqual({ ours: 3, peer: 2 })
  })

  test('a bar is for the geometric mean over the corpora, and for the worst of them where it says so', () => {
    const [good] = verdicts([result('tar', 'store', 'a', [run(1.2, 1)]), result('tar', 'store', 'b', [run(0.8, 1)])])
    expect(good).toMatchObject({ holds: true, worst: { corpus: 'a', ratio: 1.2 } })
    expect(good!.geometricMean).toBeCloseTo(Math.sqrt(1.2 * 0.8))
    const [tooSlowOnOne] = verdicts([result('tar', 'store', 'a', [run(1.21, 1)]), result('tar', 'store', 'b', [run(0.5, 1)])])
    expect(tooSlowOnOne!.holds).toBe(false)
    const [tooSlow] = verdicts([result('restic', 'store', 'a', [run(0.41, 1)])])
    expect(tooSlow!.holds).toBe(false)
  })

  test('a row without a bar is neither reached nor missed', () => {
    expect(verdicts([result('restic', 'restore', 'a', [run(9, 1)])])).toMatchObject([{ holds: null, worst: { ratio: 9 } }])
  })

  test('the worst row of each kind is found, and stored bytes only where something was stored', () => {
    const results = [result('restic', 'store', 'a', [run(0.2, 1)]), result('restic', 'restore', 'a', [run(2, 1)])]
    expect(worstRows(results).map(({ what, result: { row }, ratio }) => [what, row, ratio])).toEqual([
      ['time', 'restore', 2],
      ['CPU', 'restore', 2],
      ['memory', 'restore', 2],
      ['stored bytes', 'store', 0.9],
    ])
  })

  test('the table has a cell for each header, and the JSON every single run', () => {
    const results = [result('cp', 'store', 'c', [run(1, 2), run(2, 2)]), result('tar', 'restore', 'a', [run(1, 2)])]
    const { headers, rows } = resultTable(results)
    for (const row of rows) expect(row).toHaveLength(headers.length)
    const bench = { corpora: [], versions: { cp: 'cp 9.1' }, results, checks: [], notMeasured: [] }
    const document = JSON.parse(asJson(bench, new Date(0)))
    expect(document.rows[0]).toMatchObject({ peer: 'cp', stored_bytes: { ours: 90, peer: 100 }, summary: { wall_ratio: { median: 0.75 } } })
    expect(document.rows[0].rounds).toHaveLength(2)
    expect(document).toMatchObject({
      date: '1970-01-01T00:00:00.000Z',
      versions: { cp: 'cp 9.1' },
      verdicts: [
        { peer: 'cp', holds: true },
        { peer: 'tar', holds: null },
      ],
    })
  })
})
