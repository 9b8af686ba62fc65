import { readdir, readFile, rm, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { generateAgeKeyPair } from '../../src/lib/age-keys.ts'
import { artifactOf, bastion, errorCodeOf, jsonLines, runBastion, type RunningProcess, startBastion } from '../support/bastion-process.ts'
import { compareTrees } from '../support/compare-trees.ts'
import { below, stockRestore } from '../support/engine.ts'
import { readableWord, writeKillCorpus } from '../support/kill-corpus.ts'
import { filesBelow, findText, openSpills, waitFor } from '../support/look-at-process.ts'
import type { ProofReport } from '../support/proof-report.ts'
import type { Scale } from '../support/scale.ts'
import { seededRandom } from '../support/seed.ts'
import { temporaryFolder } from '../support/temporary-folder.ts'
import { mountTmpfs, whyNoTmpfs } from '../support/tmpfs.ts'

export const title = 'A backup that is killed leaves a whole artifact or none, and one that is interrupted leaves nothing'

const modes = ['plain', 'encrypted'] as const
type Mode = (typeof modes)[number]
const job = 'kill-test'

interface Place {
  folder: string
  source: string
  target: string
  dataDir: string
  identity: string
  identityFile: string
  recipient: string
}

/** What a kill left of its run at the target. */
interface Remains {
  mode: Mode
  stage: (typeof stages)[number]
  /** the run's directory, where there is one */
  runId: string | null
  moment: string
  spills: number
}

/** The last thing stored. */
const stages = ['nothing', 'run.json', 'parts', 'index', 'manifest', 'complete'] as const

/** How long a run takes that nobody disturbs. */
interface Duration {
  /** until its run.json stands */
  startMs: number
  /** from there to its end */
  storeMs: number
}

export async function prove(report: ProofReport, scale: Scale): Promise<void> {
  await using folder = await temporaryFolder()
  // Only the time it takes to make the corpus depends on where it lies; in the short form nothing but the machine's memory is kept busy.
  await using _ = (await whyNoTmpfs()) === undefined ? await mountTmpfs(path.join(folder.path, scale === 'full' ? 'sources' : ''), 2 ** 31) : null
  const { identity, recipient } = generateAgeKeyPair()
  const place: Place = {
    folder: folder.path,
    source: path.join(folder.path, 'sources', 'tree'),
    target: path.join(folder.path, 'target'),
    dataDir: path.join(folder.path, 'data'),
    identity,
    identityFile: path.join(folder.path, 'key.txt'),
    recipient,
  }
  await writeFile(place.identityFile, `${identity}\n`)
  const entries = await writeKillCorpus(place.source, scale)
  const random = seededRandom()
  const durations = { plain: await undisturbed(place, 'plain'), encrypted: await undisturbed(place, 'encrypted') }
  const told = modes.map((mode) => `${Math.round(durations[mode].startMs)} + ${Math.round(durations[mode].storeMs)} ms ${mode}`)
  report.line(
    `Source: ${entries} entries${scale === 'full' ? ', so many of them long that the entries index is spilled to the disk' : ''}; parts of 1 MiB. ` +
      `Undisturbed a run takes ${told.join(' and ')}, to its run.json and from there.`,
  )
  const kills = scale === 'full' ? 50 : 8
  const complete = await proveKills(report, place, durations, kills, random, scale)
  await proveInterrupts(report, place, durations, complete, scale === 'full' ? 10 : 2, random, scale)
  await proveLaterBackups(report, place, complete)
}

/** One run into a target of its own, which is removed. */
async function undisturbed(place: Place, mode: Mode): Promise<Duration> {
  const measured = { ...place, target: path.join(place.folder, `measured-${mode}`) }
  const startedAt = performance.now()
  const running = startBastion(backupArguments(measured, mode))
  await newRun(measured, [], running)
  const startMs = performance.now() - startedAt
  const { code, stdout, stderr, durationMs } = await running.ended
  if (code !== 0) throw new Error(`a run that nobody disturbs ends with ${String(code)}: ${stdout}${stderr}`)
  await rm(measured.target, { recursive: true })
  return { startMs, storeMs: durationMs - startMs }
}

function backupArguments(place: Place, mode: Mode): string[] {
  const encryption = mode === 'encrypted' ? ['--encrypt-to', place.recipient] : []
  const { source, target, dataDir } = place
  return ['backup', source, '--to', target, '--job-id', job, '--part-size', '1', '--snapshot', 'off', '--data-dir', dataDir, '--json', ...encryption]
}

async function proveKills(
  report: ProofReport,
  place: Place,
  durations: Record<Mode, Duration>,
  kills: number,
  random: () => number,
  scale: Scale,
): Promise<Set<string>> {
  const remains: Remains[] = []
  const complete = new Set<string>()
  const wrong: string[] = []

  async function kill(mode: Mode, moment: string, wait: (running: RunningProcess, before: readonly string[]) => Promise<unknown>): Promise<void> {
    const { killed, seen, endedAfterMs } = await killWhen(place, mode, moment, wait)
    remains.push(killed)
    if (killed.stage === 'complete') complete.add(`${job}/${String(killed.runId)}`)
    // A run that was through before its moment came is the better measure: the machine has more time for us now.
    const { startMs, storeMs } = durations[mode]
    if (endedAfterMs !== null) durations[mode].storeMs = Math.min(storeMs, endedAfterMs - startMs)
    const found = [...seen, ...(await checkRemains(place, killed, complete))]
    wrong.push(...found.map((what) => `kill ${remains.length} (${mode}, ${moment}): ${what}`))
  }

  for (let i = 0; i < kills; i++) {
    // One moment in each of equal stretches of the run: its mode's first while the program starts, the others from its run.json to just after its end.
    const mode = modes[i % modes.length]!
    const { startMs, storeMs } = durations[mode]
    const isFirst = i < modes.length
    const waitMs = isFirst ? random() * startMs : ((i - modes.length + random()) / (kills - modes.length)) * 1.1 * storeMs
    await kill(mode, `${Math.round(waitMs)} ms after its ${isFirst ? 'start' : 'run.json'}`, async (running, before) => {
      if (!isFirst) await newRun(place, before, running)
      await sleep(waitMs)
    })
  }
  // The short form of this one is test/faults/spill.test.ts.
  for (const mode of scale === 'full' ? modes : []) {
    await kill(mode, 'with a spill open', (running) =>
      waitFor(async () => ((await openSpills(running.pid)).length > 0 ? true : undefined), running.ended),
    )
  }

  const alsoSpilled = scale === 'full' ? ', and once in each mode when a spill was seen' : ''
  report.line(`${kills} times \`kill -9\` of the process group at random moments${alsoSpilled}. What was stored by then:`)
  report.table(
    ['', ...stages, 'with a spill open'],
    modes.map((mode) => {
      const ours = remains.filter((each) => each.mode === mode)
      return [mode, ...stages.map((stage) => ours.filter((each) => each.stage === stage).length), ours.filter(({ spills }) => spills > 0).length]
    }),
  )
  report.check(
    'each kill left no marker and no artifact, or a whole artifact that verify --level full and stock tar accept',
    wrong.length === 0,
    wrong.slice(0, 5).join('; ') || `${remains.length} kills`,
  )
  const underWay = remains.filter(({ stage }) => stage !== 'nothing' && stage !== 'complete').length
  const claim = scale === 'full' ? 'most kills hit a run that had begun to store' : 'kills hit runs that had begun to store'
  report.check(claim, underWay >= (scale === 'full' ? kills / 2 : 1), `${underWay} of ${remains.length}`)
  if (scale === 'full') {
    const spilled = remains.filter(({ spills }) => spills > 0).length
    const told = 'an open spill has no name and nothing readable in it, and is gone with the process'
    report.check(told, spilled > 0, `seen in ${spilled} of ${remains.length}`)
  }
  return complete
}

/** Starts a backup and kills it when `wait` says so, or when it is done. `seen` is what was wrong before it died. */
async function killWhen(
  place: Place,
  mode: Mode,
  moment: string,
  wait: (running: RunningProcess, before: readonly string[]) => Promise<unknown>,
): Promise<{ killed: Remains; seen: string[]; endedAfterMs: number | null }> {
  const before = await runIds(place)
  const running = startBastion(backupArguments(place, mode))
  await Promise.race([wait(running, before), running.ended])
  const endedAfterMs = running.hasEnded ? (await running.ended).durationMs : null
  // Held first, to see what it has open.
  running.signal('SIGSTOP')
  const spills = running.hasEnded ? [] : await openSpills(running.pid)
  running.signal('SIGKILL')
  await running.ended
  const runId = (await runIds(place)).find((id) => !before.includes(id)) ?? null
  const seen = spills.flatMap((spill) => [
    ...(spill.deleted ? [] : [`the spill ${spill.name} has a name`]),
    ...(spill.bytes.includes(readableWord) ? ['a name can be read in the spill'] : []),
  ])
  return { killed: { mode, runId, moment, spills: spills.length, stage: await stageOf(place, runId) }, seen, endedAfterMs }
}

/** The run that begins to store. */
function newRun(place: Place, before: readonly string[], running: RunningProcess): Promise<string> {
  return waitFor(async () => (await runIds(place)).find((id) => !before.includes(id)), running.ended)
}

function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms))
}

async function stageOf(place: Place, runId: string | null): Promise<Remains['stage']> {
  if (runId === null) return 'nothing'
  const names = await readdir(path.join(place.target, job, runId))
  if (names.includes('complete.json')) return 'complete'
  if (names.includes('manifest.json')) return 'manifest'
  if (names.some((name) => name.startsWith('entries.'))) return 'index'
  if (names.some((name) => /^\.?payload\./.test(name))) return 'parts'
  return names.includes('run.json') ? 'run.json' : 'nothing'
}

/** @returns what is not as it must be */
async function checkRemains(place: Place, { mode, stage, runId }: Remains, complete: ReadonlySet<string>): Promise<string[]> {
  const wrong: string[] = []
  const listed = await listedArtifacts(place)
  if (listed.join() !== [...complete].toSorted().join()) wrong.push(`list shows ${listed.join(' ')} instead of ${[...complete].join(' ')}`)
  const left = await filesBelow(path.join(place.dataDir, 'runs'))
  if (left.length > 0) wrong.push(`the run directory holds ${left.join()}`)
  if (runId === null) return wrong

  const folder = path.join(place.target, job, runId)
  if (mode === 'encrypted') wrong.push(...(await findText(folder, readableWord)).map((file) => `a name can be read in ${file}`))
  const identity = mode === 'encrypted' ? ['--identity', place.identityFile] : []
  const into = path.join(place.folder, 'restored')
  if (stage !== 'complete') {
    const commands = { verify: ['verify', folder, '--level', 'full'], restore: ['restore', folder, '--to', into] }
    for (const [name, command] of Object.entries(commands)) {
      const end = await runBastion([...command, ...identity, '--json'])
      if (end.code !== 1 || errorCodeOf(end) !== 'artifact_not_found') wrong.push(`${name} of it: ${String(end.code)} ${end.stdout}${end.stderr}`)
    }
    if ((await filesBelow(into)).length > 0) wrong.push('something was restored of it')
    return wrong
  }
  return [...wrong, ...(await checkWhole(place, folder, mode))]
}

/** @returns what is wrong with an artifact that says it is complete */
async function checkWhole(place: Place, folder: string, mode: Mode): Promise<string[]> {
  const wrong: string[] = []
  const identity = mode === 'encrypted' ? ['--identity', place.identityFile] : []
  const verified = await runBastion(['verify', folder, '--level', 'full', ...identity])
  if (verified.code !== 0) wrong.push(`verify: ${String(verified.code)} ${verified.stderr}`)
  const into = path.join(place.folder, 'stock')
  try {
    stockRestore(folder, into, mode === 'encrypted' ? { identity: place.identity } : {})
    wrong.push(...compareTrees(place.source, below(into, place.source)))
  } catch (error) {
    wrong.push(`the stock command: ${String(error)}`)
  }
  await rm(into, { recursive: true, force: true })
  return wrong
}

async function runIds(place: Place): Promise<string[]> {
  return await readdir(path.join(place.target, job)).catch(() => [])
}

async function listedArtifacts(place: Place): Promise<string[]> {
  const end = await runBastion(['list', place.target, '--json'])
  // Before anything was stored there is no target yet, and list says so.
  if (end.code === 1 && errorCodeOf(end) === 'artifact_not_found' && (await runIds(place)).length === 0) return []
  if (end.code !== 0) throw new Error(`list: ${String(end.code)} ${end.stdout}${end.stderr}`)
  return jsonLines(end.stdout)
    .map((line) => `${String(line['job_id'])}/${String(line['run_id'])}`)
    .toSorted()
}

/** Ctrl-C and `kill`: what was stored is removed, and the exit code says so. */
async function proveInterrupts(
  report: ProofReport,
  place: Place,
  durations: Record<Mode, Duration>,
  complete: Set<string>,
  perSignal: number,
  random: () => number,
  scale: Scale,
): Promise<void> {
  const rows: (string | number)[][] = []
  const wrong: string[] = []
  let slowestMs = 0
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    const tookMs: number[] = []
    const partsBegun: number[] = []
    let tooLate = 0
    while (tookMs.length < perSignal && tooLate < 10) {
      const mode = modes[tookMs.length % modes.length]!
      const before = await runIds(place)
      const running = startBastion(backupArguments(place, mode))
      const runId = await newRun(place, before, running)
      const folder = path.join(place.target, job, runId)
      await sleep(random() * 0.7 * durations[mode].storeMs)
      const begun = (await readdir(folder).catch(() => [])).filter((name) => /^\.?payload\./.test(name)).length
      const signalledAt = performance.now()
      running.signal(signal)
      const end = await running.ended
      if (end.code === 0) {
        complete.add(`${job}/${runId}`)
        tooLate += 1
        continue
      }
      tookMs.push(performance.now() - signalledAt)
      partsBegun.push(begun)
      const left = await readdir(folder).catch(() => null)
      if (end.code !== 130 || errorCodeOf(end) !== 'canceled')
        wrong.push(`${signal} ${mode}: ${String(end.code ?? end.signal)} ${end.stderr.slice(0, 500)}`)
      if (left !== null) wrong.push(`${signal} ${mode}: ${left.length} files are left, such as ${left.slice(0, 3).join()}`)
      const runDirectories = await readdir(path.join(place.dataDir, 'runs'))
      if (runDirectories.includes(runId)) wrong.push(`${signal} ${mode}: the run directory is left`)
    }
    slowestMs = Math.max(slowestMs, ...tookMs)
    rows.push([signal, tookMs.length, Math.max(...partsBegun), tooLate, Math.round(median(tookMs)), Math.round(Math.max(...tookMs))])
    if (tookMs.length < perSignal) wrong.push(`${signal} came too late ${tooLate} times`)
  }
  report.line('Interrupted at random moments while it stores; the time is from the signal to the end of the process.')
  report.table(['signal', 'runs interrupted', 'parts begun by then, at most', 'complete before it', 'median ms', 'longest ms'], rows)
  report.check(
    'each ended with exit code 130, no marker, and its directories removed here and at the target',
    wrong.length === 0,
    wrong.slice(0, 5).join('; ') || undefined,
  )
  // A busy machine decides this one in the short form.
  if (scale === 'full') report.check('each ended within 2 s', slowestMs < 2000, `${Math.round(slowestMs)} ms`)
}

/** What the kills left does not stand in the way of what comes. */
async function proveLaterBackups(report: ProofReport, place: Place, complete: ReadonlySet<string>): Promise<void> {
  const expected = new Set(complete)
  const wrong: string[] = []
  for (const mode of modes) {
    const artifact = artifactOf(await bastion(backupArguments(place, mode)))
    expected.add(artifact)
    wrong.push(...(await checkWhole(place, path.join(place.target, artifact), mode)))
  }
  const listed = await listedArtifacts(place)
  report.check('later backups to the same target are whole', wrong.length === 0, wrong.slice(0, 5).join('; ') || undefined)
  const identity = await readFile(path.join(place.target, 'bastion-target.json'), 'utf8')
  report.check(
    'the target is still the one it was, and lists what is complete and nothing else',
    listed.join() === [...expected].toSorted().join() && identity.includes('target_id'),
    `${listed.length} artifacts beside ${(await runIds(place)).length - listed.length} incomplete directories`,
  )
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0
}
