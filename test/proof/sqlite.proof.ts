import { mkdtempSync, rmSync } from 'node:fs'
import path from 'node:path'
import type { Format } from '../../src/core/artifact.ts'
import { vaultwardenSourceSchema } from '../../src/core/source.ts'
import type { CaptureReport } from '../../src/core/sqlite-capture.ts'
import { normalUser } from '../support/as-user.ts'
import { artifactOf, bastion, jsonLines, type ProcessEnd, readPeakBytes, startBastion } from '../support/bastion-process.ts'
import { capturePeak } from '../support/capture-peak.ts'
import { makeHollowDatabase, makeSmallDatabases, openLargeDatabase } from '../support/large-databases.ts'
import type { ProofReport } from '../support/proof-report.ts'
import type { Scale } from '../support/scale.ts'
import { startSqliteApplication } from '../support/sqlite-application.ts'
import { applicationFolder, backUpAndRestore, lookInto } from '../support/sqlite-case.ts'
import { temporaryFolder } from '../support/temporary-folder.ts'
import { problemsOf, startVaultwarden } from '../support/vaultwarden-case.ts'

export const title = 'Databases are backed up whole while they are written to, and it costs little'

const mebibyte = 2 ** 20
const limitBytes = 400 * mebibyte

export async function prove(report: ProofReport, scale: Scale): Promise<void> {
  await underLoad(report, scale === 'full' ? 20 : 1)
  await manyDatabases(report, scale)
  await oneLarge(report, scale)
}

/** A server that goes on writing, backed up again and again. */
async function underLoad(report: ProofReport, rounds: number): Promise<void> {
  const formats: Format[] = ['archive_v1', 'raw_tree_v1']
  const rows: (string | number)[][] = []
  for (const format of formats) {
    await using folder = await applicationFolder()
    await using server = await startVaultwarden(folder.path, normalUser)
    const source = vaultwardenSourceSchema.parse({ type: 'vaultwarden', data_dir: folder.path, snapshot_mode: 'off', error_policy: 'skip_ok' })
    const problems: string[] = []
    let items = 0
    for (let round = 0; round < rounds; round++) {
      items = await server.committed()
      await using restored = await backUpAndRestore(folder.path, { format, source })
      problems.push(...problemsOf(restored.restored, items))
    }
    rows.push([format, rounds, items, problems.length])
    report.check(
      `${format}: each of ${rounds} restores passes integrity_check and foreign_key_check and holds every item saved before its backup began, with every attachment`,
      problems.length === 0,
      problems.slice(0, 3).join('; ') || `${items} items at the last one`,
    )
  }
  report.line(
    'A data directory with the tables of Vaultwarden, in write-ahead mode, three connections, an item saved every millisecond or so while it is backed up.',
  )
  report.table(['format', 'backups', 'items at the last', 'problems'], rows)
}

/** A tree of databases, three of them large and never left alone, with capture and without. */
async function manyDatabases(report: ProofReport, scale: Scale): Promise<void> {
  const [small, largeMebibytes, rounds] = scale === 'full' ? [497, 2048, 5] : [20, 24, 1]
  await using folder = await applicationFolder()
  await using work = await temporaryFolder()
  await using application = await startSqliteApplication(normalUser)
  await makeSmallDatabases(application, folder.path, small)
  const large = await Promise.all(
    ['a', 'p', 'z'].map((name) => openLargeDatabase(application, path.join(folder.path, `${name}-large.db`), largeMebibytes)),
  )
  for (const db of large) await db.insertEvery(5)

  const seconds: Record<'off' | 'auto', number[]> = { off: [], auto: [] }
  const captures: Backup[] = []
  const problems: string[] = []
  for (let round = 0; round < rounds; round++) {
    // Each is first in turn: what the one before has left to be brought to the disk is in the way of the next.
    for (const mode of round % 2 === 0 ? (['off', 'auto'] as const) : (['auto', 'off'] as const)) {
      const committed = await Promise.all(large.map((db) => db.lastRow()))
      const done = await backUp(work.path, [folder.path, '--sqlite-capture', mode])
      seconds[mode].push(done.end.durationMs / 1000)
      if (mode === 'auto') {
        captures.push(done)
        if (round === 0) problems.push(...(await restoreProblems(done.artifact, path.join(work.path, 'restored'), folder.path, committed)))
      }
      done.remove()
    }
  }
  report.line(`${small} small databases that nobody uses, and 3 of ${largeMebibytes} MiB, each written to every 5 ms.`)
  report.table(
    ['capture', ...Array.from({ length: rounds }, (_, i) => `run ${i + 1}, s`)],
    (['off', 'auto'] as const).map((mode) => [mode, ...seconds[mode].map((one) => Number(one.toFixed(1)))]),
  )
  const ratios = seconds.auto.map((auto, round) => auto / seconds.off[round]!).toSorted((a, b) => a - b)
  const counts = captures.map(({ end }) => capturedIn(end, 'filesystem'))
  report.check(
    'all are captured each time',
    counts.every(({ captured_total, refused_total }) => captured_total === small + 3 && refused_total === 0),
    counts.map(({ captured_total, refused_total }) => `${captured_total} and ${refused_total} refused`).join('; '),
  )
  report.check('the large ones are restored whole, with every row committed before', problems.length === 0, problems.join('; ') || 'all three')
  checkMemory(report, captures)
  const ratio = ratios[ratios.length >> 1]!
  // On a machine that has something else to do a time says nothing.
  if (scale === 'full') {
    const detail = `${ratio.toFixed(2)} (${ratios[0]!.toFixed(2)} to ${ratios.at(-1)!.toFixed(2)})`
    report.check('a run takes at most 1.3 times as long as one without capture in the same round, the median of the rounds', ratio <= 1.3, detail)
  } else report.line(`A run takes ${ratio.toFixed(2)} times as long as one without; so small a source does not say much.`)
}

/** One database, by itself. */
async function oneLarge(report: ProofReport, scale: Scale): Promise<void> {
  const mebibytes = scale === 'full' ? 20 * 1024 : 64
  await using folder = await temporaryFolder()
  await using work = await temporaryFolder()
  const file = path.join(folder.path, 'large.db')
  makeHollowDatabase(file, mebibytes * mebibyte)
  const done = await backUp(work.path, [file, '--source-type', 'sqlite'])
  report.line(
    `One database of ${mebibytes} MiB, nearly all of it free pages, as a source of its own: ${(done.end.durationMs / 1000).toFixed(1)} s, the check of all of the copy included.`,
  )
  const { captured_bytes } = capturedIn(done.end, 'sqlite')
  report.check('all of it is captured', captured_bytes === mebibytes * mebibyte, `${captured_bytes} bytes`)
  checkMemory(report, [done])
}

interface Backup {
  end: ProcessEnd
  artifact: string
  peakBytes: number
  readerPeakBytes: number
  remove(): void
}

/** A backup of what is read live, to a target of its own. */
async function backUp(work: string, args: string[]): Promise<Backup> {
  const target = mkdtempSync(path.join(work, 'target-'))
  const peakFile = path.join(work, 'peak')
  const run = startBastion(['backup', ...args, '--to', target, '--snapshot', 'off', '--data-dir', path.join(work, 'data'), '--json'], { peakFile })
  const [end, readerPeakBytes] = await Promise.all([run.ended, capturePeak(run.pid, run.ended)])
  return {
    end,
    artifact: path.join(target, artifactOf(end)),
    peakBytes: readPeakBytes(peakFile),
    readerPeakBytes,
    remove: () => rmSync(target, { recursive: true }),
  }
}

function capturedIn(end: ProcessEnd, type: 'filesystem' | 'sqlite'): CaptureReport {
  const { summary } = jsonLines(end.stdout).at(-1) as { summary: Record<string, { sqlite: CaptureReport }> }
  return summary[type]!.sqlite
}

function checkMemory(report: ProofReport, backups: readonly Backup[]): void {
  const peak = Math.max(...backups.map(({ peakBytes }) => peakBytes))
  const readerPeak = Math.max(...backups.map(({ readerPeakBytes }) => readerPeakBytes))
  report.check(
    'memory is bounded, below 400 MiB for both processes together',
    readerPeak > 0 && peak + readerPeak < limitBytes,
    `${Math.ceil(peak / mebibyte)} MiB, and ${Math.ceil(readerPeak / mebibyte)} MiB for the process that reads databases`,
  )
}

async function restoreProblems(artifact: string, into: string, source: string, committed: readonly number[]): Promise<string[]> {
  await bastion(['restore', artifact, '--to', into, '--only', '*-large.db'])
  const problems = ['a', 'p', 'z'].flatMap((name, i) => {
    const found = lookInto(path.join(into, source, `${name}-large.db`))
    const expected = committed[i]!
    return [...found.problems, ...(found.rows < expected ? [`${name}: ${found.rows} of ${expected} rows`] : [])]
  })
  rmSync(into, { recursive: true })
  return problems
}
