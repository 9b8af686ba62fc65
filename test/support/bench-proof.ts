import { existsSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { maxPeakBytes, rowNames } from '../../bench/bars.ts'
import { type CorpusName, corpusNames, fullSizes, tinySizes } from '../../bench/corpora.ts'
import type { PeerName } from '../../bench/pairings.ts'
import { resultTable, verdictText, worstRowText } from '../../bench/report.ts'
import { summarize, verdicts, worstRows } from '../../bench/results.ts'
import { type Plan, runBench } from '../../bench/run-bench.ts'
import type { S3Bucket } from '../../bench/servers.ts'
import type { ProofReport } from './proof-report.ts'
import type { Scale } from './scale.ts'
import { newBucket, radosgw, whyNoRadosgw } from './servers/radosgw.ts'
import { temporaryFolder } from './temporary-folder.ts'

/** In full the bars of speed and memory; in short one round on tiny trees, which shows that everything measured comes back. @param peers in short on these corpora, none leaves one out */
export async function proveAgainst(
  peers: readonly (readonly [PeerName, shortCorpora: readonly CorpusName[]])[],
  report: ProofReport,
  scale: Scale,
): Promise<void> {
  const isFull = scale === 'full'
  const rounds = isFull ? 5 : 1
  const plan: Plan = new Map(
    peers.flatMap(([peer, shortCorpora]) => (isFull || shortCorpora.length > 0 ? [[peer, new Set(isFull ? corpusNames : shortCorpora)]] : [])),
  )
  await using corporaFolder = await temporaryFolder()
  await using workFolder = await temporaryFolder(isFull && existsSync('/dev/shm') ? '/dev/shm' : tmpdir())
  const bench = await runBench({
    plan,
    rows: new Set(rowNames),
    sizes: isFull ? fullSizes : tinySizes,
    rounds,
    corporaDirectory: path.join(corporaFolder.path, 'corpora'),
    workDirectory: workFolder.path,
    s3: isFull ? await s3Bucket() : null,
    note: isFull ? (text) => void process.stderr.write(`${text}\n`) : () => {},
    signal: new AbortController().signal,
  })
  const { results } = bench

  report.line(bench.corpora.map(({ name, title: what }) => `Corpus ${name}: ${what}.`).join(' '))
  report.line(`Peers: ${Object.values(bench.versions).join(' · ')}. Nothing is claimed beyond these versions.`)
  report.line(
    'tar, cp, rsync and rclone keep no hashes and no index. restic always encrypts; borg is measured with and without. Ours is what it does by default in every row, with the encryption or the format of the peer.',
  )
  report.line(
    'rclone waits 10 ms between two requests to WebDAV; on SFTP it is spared its checksums, which take a process on the server for each file.',
  )
  report.line(
    `Each round runs both, one after the other, taking turns in who is first; a ratio is ours / peer within a round, and its median counts. Output to memory, source in the page cache; empty repositories, caches and servers are made anew for each run, outside of what is timed. CPU and memory are the kernel's figures for all processes, threads and children together, memory the most of all rounds (no program shows less than the script that measures it, some 10 MiB); of a server, on either side, they do not count.`,
  )
  const table = resultTable(results)
  report.table(table.headers, table.rows)
  report.line(`Where ours looks worst: ${worstRows(results).map(worstRowText).join('; ')}.`)
  for (const { peer, reason } of bench.notMeasured) report.line(`Not measured: ${peer}: ${reason}.`)
  for (const { corpus, what, files, difference } of bench.checks) {
    report.check(`corpus ${corpus} comes back from ${what}`, difference === null && files > 0, difference ?? `${files} files`)
  }
  if (!isFull) return
  for (const verdict of verdicts(results)) {
    if (verdict.holds === null) report.line(`Reported: ${verdictText(verdict)}.`)
    else report.check('the bar is reached', verdict.holds, verdictText(verdict))
  }
  const peakBytes = Math.max(...results.map((result) => summarize(result.rounds).peakBytes.ours))
  report.check('memory stays below 400 MiB', peakBytes < maxPeakBytes, `at most ${Math.round(peakBytes / 2 ** 20)} MiB`)
}

async function s3Bucket(): Promise<S3Bucket | null> {
  if ((await whyNoRadosgw()) !== undefined) return null
  const server = await radosgw()
  return { endpoint: server.endpoint, bucket: await newBucket(server), ...server.credentials }
}
