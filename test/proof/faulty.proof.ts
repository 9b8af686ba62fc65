import { randomUUID } from 'node:crypto'
import { linkSync, mkdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { objectNames, type Format } from '../../src/core/artifact.ts'
import { BastionError, errorCodes } from '../../src/core/errors.ts'
import type { RunEvent } from '../../src/core/run-event.ts'
import { createFaultyTarget } from '../../src/engine/targets/faulty-target.ts'
import { createLocalDirTarget } from '../../src/engine/targets/local-dir/local-dir-target.ts'
import { createMemoryTarget } from '../../src/engine/targets/memory/memory-target.ts'
import { createRetryingTarget } from '../../src/engine/targets/retrying-target.ts'
import type { Target } from '../../src/engine/targets/target.ts'
import { generateAgeKeyPair } from '../../src/lib/age-keys.ts'
import { compareTrees } from '../support/compare-trees.ts'
import { below, restoreRun, runBackup, verifyRun } from '../support/engine.ts'
import { putsOf, writeThreePartTree } from '../support/faulty-runs.ts'
import type { ProofReport } from '../support/proof-report.ts'
import { openRealServers } from '../support/servers/real-servers.ts'
import { type FaultPlan, planFaults } from '../support/seeded-faults.ts'
import type { Scale } from '../support/scale.ts'
import { seed, seededRandom } from '../support/seed.ts'
import { temporaryFolder } from '../support/temporary-folder.ts'

export const title = 'Whatever a target does wrong, a backup to it is whole, or it failed without a marker and says why and what to do'

/** Longer than any run takes that does not hang. */
const hangMs = 60_000
const stallMs = 700

interface Way {
  format: Format
  encrypted: boolean
}
const ways: readonly Way[] = [
  { format: 'archive_v1', encrypted: false },
  { format: 'archive_v1', encrypted: true },
  { format: 'raw_tree_v1', encrypted: false },
]

type Ending = 'whole' | 'failed' | 'whole, though said to have failed' | 'wrong'

interface Run {
  ending: Ending
  code: string
  wrong?: string
}

export async function prove(report: ProofReport, scale: Scale): Promise<void> {
  const runs = scale === 'full' ? 1000 : 50
  await using folder = await temporaryFolder()
  await using servers = await openRealServers()
  const source = writeSource(path.join(folder.path, 'source'))
  const { bytes } = await putsOf(source)
  const places: { name: string; open: () => Promise<Target> }[] = [
    { name: 'memory', open: async () => createMemoryTarget() },
    { name: 'local_dir', open: async () => createLocalDirTarget({ path: path.join(folder.path, randomUUID()) }) },
    ...servers.all,
  ]
  const tally = new Map<string, number[]>()
  const codes = new Map<string, number>()
  const wrong: string[] = []
  const endings: Ending[] = ['whole', 'failed', 'whole, though said to have failed', 'wrong']

  for (let i = 0; i < runs; i++) {
    const random = seededRandom(Math.imul(seed + i, 0x9e3779b1) ^ 0x5bd1e995)
    for (let warm = 0; warm < 4; warm++) random() // small seeds begin alike
    // The cheap places more often: what the engine makes of a fault is the same everywhere, what a driver leaves behind is not.
    const place = random() < 0.6 ? places[i % 2]! : places[Math.floor(random() * places.length)]!
    const way = ways[i % ways.length]!
    const retries = random() < 0.5
    const plan = planFaults(random, way.format, bytes)
    const inner = await place.open()
    try {
      const run = await runOne({ inner, plan, way, retries, source, folder: folder.path })
      const label = `${place.name}, ${way.format}${way.encrypted ? ' encrypted' : ''}`
      const row = tally.get(label) ?? endings.map(() => 0)
      row[endings.indexOf(run.ending)]! += 1
      tally.set(label, row)
      codes.set(run.code, (codes.get(run.code) ?? 0) + 1)
      if (run.wrong !== undefined) wrong.push(`run ${i} on ${label}${retries ? ', retrying' : ''} (${plan.text}): ${run.wrong}`)
    } finally {
      await inner.close()
    }
  }

  report.line(
    `${runs} backups, each to a place of its own that does one to three things wrong, chosen by the seed: requests that fail before or after they are done, bodies that break off, ` +
      'lose their end without a word or stall (until the run is canceled), sizes that are lies, a place that becomes full. Half of them through the wrapper that tries again, ' +
      'as the program does. What is there afterwards is looked at without the faults: verified with every hash, restored and compared with the source.',
  )
  for (const missing of servers.missing) report.line(`Not tried: ${missing}.`)
  report.table(
    ['place and format', ...endings],
    [...tally.entries()].toSorted(([a], [b]) => (a < b ? -1 : 1)).map(([label, row]) => [label, ...row]),
  )
  report.table(
    ['ended with', 'runs'],
    [...codes.entries()].toSorted(([, a], [, b]) => b - a),
  )
  report.line(
    'A run that failed at its marker and could not take it back, because its removal failed too, leaves a whole artifact; no other failed run leaves a marker.',
  )
  const all = [...tally.values()].reduce((sum, row) => sum + row.reduce((a, b) => a + b), 0)
  report.check(
    'each run is whole and correct, or failed without a marker and told cause and next step',
    wrong.length === 0,
    wrong.join('; ') || `${all} runs`,
  )
  const count = (ending: Ending) => [...tally.values()].reduce((sum, row) => sum + row[endings.indexOf(ending)]!, 0)
  report.check('both ends were met', count('whole') > 0 && count('failed') > 0, `${count('whole')} whole, ${count('failed')} failed`)
}

/** Three parts, links, an empty directory and a name that is no text. */
function writeSource(folder: string): string {
  writeThreePartTree(folder)
  mkdirSync(path.join(folder, 'empty'))
  symlinkSync('large.bin', path.join(folder, 'link'))
  linkSync(path.join(folder, 'large.bin'), path.join(folder, 'other name'))
  writeFileSync(Buffer.from(`${folder}/caf\xe9`, 'latin1'), 'odd')
  writeFileSync(path.join(folder, 'nothing'), '')
  return folder
}

async function runOne(options: { inner: Target; plan: FaultPlan; way: Way; retries: boolean; source: string; folder: string }): Promise<Run> {
  const { inner, plan, way, source } = options
  const keys = way.encrypted ? generateAgeKeyPair() : null
  const faulty = createFaultyTarget(inner, plan)
  const policy = { attempts: 4, firstDelayMs: 1, maxDelayMs: 5, giveUpAfterMs: 60_000 }
  const quickly = { policy, clock: { now: () => 0 }, sleep: async () => {}, random: () => 0.5 }
  const target = options.retries ? createRetryingTarget(faulty, quickly) : faulty
  const events: RunEvent[] = []
  const signal = AbortSignal.timeout(plan.stalls ? stallMs : hangMs)
  try {
    const run = await runBackup({
      target,
      sources: [source],
      pipeline: { format: way.format, recipients: keys === null ? [] : [keys.recipient] },
      signal,
      onEvent: (event) => void events.push(event),
    })
    const problem = await problemOf(inner, run.ref, options, keys?.identity)
    return problem === null ? { ending: 'whole', code: 'success' } : { ending: 'wrong', code: 'success', wrong: problem }
  } catch (error) {
    if (!(error instanceof BastionError))
      return { ending: 'wrong', code: 'bug', wrong: error instanceof Error ? (error.stack ?? error.message) : String(error) }
    const { code } = error
    if (code === 'internal' || error.message === '' || error.hint === '' || error.hint === errorCodes.internal.hint) {
      return { ending: 'wrong', code, wrong: `${code} "${error.message}" does not say what to do: "${error.hint}"` }
    }
    if (code === 'canceled' && !plan.stalls) return { ending: 'wrong', code, wrong: 'it hung' }
    const marked = await markedRun(inner)
    if (marked === null) return { ending: 'failed', code }
    const couldNotRemove = events.some(({ kind, level }) => kind === 'cleanup' && level === 'warn')
    const problem = await problemOf(inner, marked, options, keys?.identity)
    if (problem !== null) return { ending: 'wrong', code, wrong: `it failed with ${code}, left a marker, and ${problem}` }
    if (!couldNotRemove) return { ending: 'wrong', code, wrong: `it failed with ${code} and left its marker without need` }
    return { ending: 'whole, though said to have failed', code }
  }
}

async function markedRun(target: Target): Promise<{ jobId: string; runId: string } | null> {
  for await (const { key } of target.list('', { recursive: true })) {
    const [jobId, runId, name] = key.split('/')
    if (name === objectNames.complete) return { jobId: jobId!, runId: runId! }
  }
  return null
}

/** Why an artifact is not the source, if so. */
async function problemOf(
  target: Target,
  ref: { jobId: string; runId: string },
  { source, folder, way }: { source: string; folder: string; way: Way },
  identity?: string,
): Promise<string | null> {
  const identities = identity === undefined ? [] : [identity]
  const verified = await verifyRun({ target, ref }, 'full', identities)
  if (!verified.ok) return `it does not verify: ${JSON.stringify(verified.damaged.sample)}`
  const restored = path.join(folder, randomUUID())
  try {
    const told = await restoreRun({ target, ref }, restored, { identities })
    if (told.failed.total + told.damaged.total + told.conflicts.total > 0) return `it does not come back: ${JSON.stringify(told)}`
    const differences = compareTrees(source, below(restored, source), { ignore: way.format === 'raw_tree_v1' ? ['one file with'] : [] })
    return differences.length === 0 ? null : `it came back different: ${differences.slice(0, 3).join(', ')}`
  } finally {
    rmSync(restored, { recursive: true, force: true })
  }
}
