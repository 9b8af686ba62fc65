import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { setTimeout as after } from 'node:timers/promises'
import { bastion } from '../support/bastion-process.ts'
import type { ProofReport } from '../support/proof-report.ts'
import { writeManyFiles, writeSampleFile } from '../support/sample-files.ts'
import type { Scale } from '../support/scale.ts'
import { seededRandom } from '../support/seed.ts'
import { temporaryFolder } from '../support/temporary-folder.ts'

export const title = 'A Hub that is killed at any moment, alone or with its runners, goes on without a lie in its records'

const sizes: Record<Scale, { kills: number; jobs: number }> = { short: { kills: 3, jobs: 3 }, full: { kills: 50, jobs: 10 } }
/** A minute of the schedule is a few seconds: each job is due all the time. */
const speed = 20
const script = path.join(import.meta.dirname, '..', 'support', 'hub-process.ts')

interface RunRow {
  id: string
  job_id: string
  state: string
  error: string | null
  last_seq: number
  node_seq: number
  events: number
  highest: number | null
  node_events: number
  highest_of_node: number | null
  has_artifact: number
}

export async function prove(report: ProofReport, scale: Scale): Promise<void> {
  const { kills, jobs } = sizes[scale]
  const random = seededRandom()
  await using folder = await temporaryFolder()
  writeManyFiles(path.join(folder.path, 'source'), { count: 50, perDirectory: 10, sizeBytes: () => 2000 })
  writeSampleFile(path.join(folder.path, 'source', 'large.bin'), 4 * 2 ** 20)
  const argument = JSON.stringify({ folder: folder.path, startedAt: Date.now(), jobs, speed })
  let complaints = ''
  const start = async () => {
    const hub = spawn(process.execPath, [script, argument], { stdio: ['pipe', 'pipe', 'pipe'] })
    hub.stderr.on('data', (chunk: Buffer) => (complaints += chunk.toString()))
    await Promise.race([once(hub.stdout, 'data'), once(hub, 'exit')])
    return hub
  }

  let runnersKilled = 0
  for (let at = 0; at < kills; at++) {
    const hub = await start()
    await after(200 + random() * 4000)
    await kill(hub)
    if (at % 2 === 1) runnersKilled += killRunners(path.join(folder.path, 'data', 'runs'))
    await after(random() * 500)
  }
  const last = await start()
  last.stdin.write('drain\n')
  await once(last, 'exit')
  report.check('the last Hub ends by itself', last.exitCode === 0, `exit code ${String(last.exitCode)}`)
  report.check('nothing was logged as an error', complaints === '', complaints.slice(0, 2000) || 'nothing')

  const runs = readRuns(path.join(folder.path, 'data', 'bastion.db'))
  const states = Object.groupBy(runs.rows, ({ state }) => state)
  report.line(
    `${jobs} jobs, due every ${60 / speed} s; the Hub was killed ${kills} times, every second time with its runners, ${runnersKilled} in all. ${runs.rows.length} runs: ${Object.entries(
      states,
    )
      .map(([state, some]) => `${some?.length ?? 0} ${state}`)
      .join(', ')}.`,
  )
  const stuck = runs.rows.filter(({ state }) => !['finished', 'failed', 'canceled', 'rejected'].includes(state))
  report.check('no run is stuck', stuck.length === 0 && runs.rows.length > 0, `${stuck.length} of ${runs.rows.length}`)
  const gaps = runs.rows.filter((run) => run.events !== run.last_seq || run.highest !== run.last_seq)
  report.check('no event is missing or there twice', gaps.length === 0, gaps.map(({ id }) => id).join(' ') || 'none')
  const nodeGaps = runs.rows.filter((run) => run.node_events !== run.node_seq || (run.highest_of_node ?? 0) !== run.node_seq)
  report.check('nor is one of the nodes', nodeGaps.length === 0, nodeGaps.map(({ id }) => id).join(' ') || 'none')
  report.check('no fire time has two runs', runs.doubled === 0, `${runs.doubled}`)
  const wrong = runs.rows.filter(({ state, has_artifact }) => (state === 'finished') !== (has_artifact === 1))
  report.check('a run has an artifact when it is finished, and only then', wrong.length === 0, wrong.map(({ id }) => id).join(' ') || 'all')
  const failures = new Set((states['failed'] ?? []).map(({ error }) => (JSON.parse(error!) as { code: string }).code))
  report.check(
    'what failed was interrupted, and nothing else',
    [...failures].every((code) => code === 'interrupted'),
    [...failures].join(' ') || 'none',
  )
  await checkArtifacts(report, path.join(folder.path, 'target'), runs.rows)
  report.check(
    'no run is left with the node',
    existsSync(path.join(folder.path, 'data', 'runs')) && readdirSync(path.join(folder.path, 'data', 'runs')).length === 0,
  )
}

async function kill(hub: ChildProcess): Promise<void> {
  const ended = hub.exitCode === null && hub.signalCode === null ? once(hub, 'exit') : null
  hub.kill('SIGKILL')
  await ended
}

/** By the pids in their locks. @returns how many there were */
function killRunners(folder: string): number {
  let killed = 0
  for (const runId of existsSync(folder) ? readdirSync(folder) : []) {
    const lock = path.join(folder, runId, 'lock')
    const pid = existsSync(lock) ? Number(readFileSync(lock, 'latin1')) : 0
    if (pid === 0 || !isRunnerOf(pid, runId)) continue
    process.kill(pid, 'SIGKILL')
    killed++
  }
  return killed
}

/** A pid may be another's by now. */
function isRunnerOf(pid: number, runId: string): boolean {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes(runId)
  } catch {
    return false
  }
}

function readRuns(file: string): { rows: RunRow[]; doubled: number } {
  const database = new DatabaseSync(file, { readOnly: true })
  try {
    const rows = database
      .prepare(
        `select run.id, run.job_id, run.state, run.error, run.last_seq, run.node_seq,
          (select count(*) from run_events where run_id = run.id) as events,
          (select max(seq) from run_events where run_id = run.id) as highest,
          (select count(node_seq) from run_events where run_id = run.id) as node_events,
          (select max(node_seq) from run_events where run_id = run.id) as highest_of_node,
          exists (select 1 from run_artifacts where run_id = run.id) as has_artifact
        from runs as run order by run.id`,
      )
      .all() as unknown as RunRow[]
    const { doubled } = database
      .prepare('select count(*) as doubled from (select 1 from runs where fire_at is not null group by job_id, fire_at having count(*) > 1)')
      .get() as { doubled: number }
    return { rows, doubled }
  } finally {
    database.close()
  }
}

async function checkArtifacts(report: ProofReport, target: string, rows: readonly RunRow[]): Promise<void> {
  const finished = rows.filter(({ state }) => state === 'finished')
  const missing = finished.filter((run) => !existsSync(path.join(target, run.job_id, run.id, 'complete.json')))
  report.check('every artifact that is recorded is there', missing.length === 0, `${finished.length} artifacts`)
  const stored = existsSync(target) ? readdirSync(target, { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('complete.json')) : []
  for (const marker of stored) await bastion(['verify', path.join(target, path.dirname(marker)), '--level', 'full'])
  const unknown = stored.length - finished.length
  report.check(
    'every artifact that can be seen is whole',
    stored.length >= finished.length,
    `${stored.length} verified, ${unknown} of runs that were killed before they could tell`,
  )
}
