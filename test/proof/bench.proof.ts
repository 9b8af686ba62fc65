import { existsSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { corpusNames, fullSizes, tinySizes } from '../../bench/corpora.ts'
import { bars, maxPeakBytes, resultTable, summarize, verdicts, verdictText } from '../../bench/results.ts'
import { rowNames } from '../../bench/rows.ts'
import { runBench } from '../../bench/run-bench.ts'
import type { ProofReport } from '../support/proof-report.ts'
import type { Scale } from '../support/scale.ts'
import { temporaryFolder } from '../support/temporary-folder.ts'

export const title = 'A backup with hashes, an index and single files within reach is as fast as tar piped into zstd'

/** In full the bars of speed and memory; in short one round on tiny trees, which shows that everything measured comes back. */
export async function prove(report: ProofReport, scale: Scale): Promise<void> {
  const isFull = scale === 'full'
  const rounds = isFull ? 5 : 1
  await using corporaFolder = await temporaryFolder()
  await using workFolder = await temporaryFolder(isFull && existsSync('/dev/shm') ? '/dev/shm' : tmpdir())
  const bench = await runBench({
    corpora: corpusNames,
    rows: new Set(rowNames),
    sizes: isFull ? fullSizes : tinySizes,
    rounds,
    corporaDirectory: path.join(corporaFolder.path, 'corpora'),
    workDirectory: workFolder.path,
    note: isFull ? (text) => void process.stderr.write(`${text}\n`) : () => {},
  })

  report.line(bench.corpora.map(({ name, title: what }) => `Corpus ${name}: ${what}.`).join(' '))
  report.line(
    `Peers: ${Object.values(bench.versions).join(' · ')}. They keep no hashes and no index, and read everything to find one file. One configuration of ours in every row: the default.`,
  )
  report.line(
    `Each round runs both, one after the other, taking turns in who is first; a ratio is ours / peer within a round, and its median of ${rounds} rounds counts. Output to memory, source in the page cache. CPU and memory are the kernel's figures for all processes together.`,
  )
  const table = resultTable(bench.results)
  report.table(table.headers, table.rows)
  for (const { corpus, what, files, difference } of bench.checks) {
    report.check(`corpus ${corpus} comes back from ${what}`, difference === null && files > 0, difference ?? `${files} files`)
  }
  if (!isFull) return
  for (const verdict of verdicts(bench.results)) {
    if (bars[verdict.row].worst === Infinity) report.line(`Reported, not yet asked for: ${verdictText(verdict)}.`)
    else report.check('the bar is reached', verdict.holds, verdictText(verdict))
  }
  const peakBytes = Math.max(...bench.results.map((result) => summarize(result.rounds).peakBytes.ours))
  report.check('memory stays below 400 MiB', peakBytes < maxPeakBytes, `at most ${Math.round(peakBytes / 2 ** 20)} MiB`)
}
