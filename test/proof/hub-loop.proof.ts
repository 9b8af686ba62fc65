import { existsSync, readFileSync } from 'node:fs'
import { loadavg } from 'node:os'
import path from 'node:path'
import { setTimeout as after } from 'node:timers/promises'
import { WebSocket } from 'ws'
import type { Client } from '../../src/client/client.ts'
import type { RunDetail } from '../../src/core/run-detail.ts'
import { signIn, startHubServer } from '../support/hub-server.ts'
import type { ProofReport } from '../support/proof-report.ts'
import type { Scale } from '../support/scale.ts'
import { temporaryFolder } from '../support/temporary-folder.ts'

export const title = "A Hub's event loop stays free during a backup of /usr that people watch"

const sources: Record<Scale, readonly string[]> = { short: ['/usr/sbin', '/usr/share/perl5'], full: ['/usr'] }
const boundMs = 50
/** The Hub's figures begin anew whenever they are read. */
const readEveryMs = 1000

/** What the Hub's own monitor says of its event loop since it was last asked. */
interface LoopDelay {
  maxMs: number
  p99Ms: number
}

export async function prove(report: ProofReport, scale: Scale): Promise<void> {
  await using folder = await temporaryFolder()
  await using hub = await startHubServer({ dataDir: path.join(folder.path, 'data') })
  const { client, cookie } = await signIn(hub)
  const paths = sources[scale].filter((source) => existsSync(source))
  const job = await client.jobs.create({
    body: {
      name: 'usr',
      source: { type: 'filesystem', paths, error_policy: 'skip_ok' },
      target: { type: 'local_dir', path: path.join(folder.path, 'target') },
    },
  })
  const load = loadavg()[0]!
  // What is loaded and compiled for the first request of each kind is no part of a backup.
  await readDelay(hub.url)
  for (const ask of Object.values(questions)) await ask(client, job.id)
  const firstAnswers = await readDelay(hub.url)

  const timesBefore = threadTimes(hub.pid)
  const startedAt = performance.now()
  const { run_id: id } = await client.jobs.run({ params: { id: job.id } })
  const watched = await watchRun(hub.url, id, cookie)
  const asking = new AbortController()
  const answers = keepAsking(client, job.id, asking.signal)
  const delays: LoopDelay[] = []
  let run: RunDetail
  do {
    await after(readEveryMs)
    delays.push(await readDelay(hub.url))
    run = await client.runs.get({ params: { id } })
  } while (run.ended_at === null)
  const seconds = (performance.now() - startedAt) / 1000
  const times = threadTimes(hub.pid)
  asking.abort()
  const durations = (await answers).toSorted((a, b) => a - b)
  const frames = watched.close()

  const { files = 0, bytes = 0 } = run.progress?.total ?? {}
  const spent = (key: keyof ThreadTimes) => (times[key] - timesBefore[key]).toFixed(1)
  report.line(
    `Source: ${paths.map((source) => `\`${source}\``).join(', ')}, ${files.toLocaleString('en')} files, ${Math.round(bytes / 2 ** 20).toLocaleString('en')} MiB, in ${seconds.toFixed(0)} s, to a folder of the same machine; its load before: ${load.toFixed(1)}. ` +
      `One client asked without a pause, each time the next of: ${Object.keys(questions).join(', ')}. Another followed the run on a live socket, and got ${frames} messages.`,
  )
  const worst = Math.max(...delays.map(({ maxMs }) => maxMs))
  report.table(
    ['measured', 'ms'],
    [
      ['longest wait of the event loop', round1(worst)],
      ['highest 99th percentile of a second', round1(Math.max(...delays.map(({ p99Ms }) => p99Ms)))],
      ['longest wait in the requests before, the first of their kinds', round1(firstAnswers.maxMs)],
      [`answers to ${durations.length} requests: median`, round1(quantile(durations, 0.5))],
      ['95 of 100 within', round1(quantile(durations, 0.95))],
      ['the longest', round1(durations.at(-1) ?? 0)],
    ],
  )
  report.line(
    `Waits are those of the process's own \`monitorEventLoopDelay\` as \`/metrics\` shows them, read each second; they contain the 10 ms of its timer. The Hub's main thread worked for ${spent('worked')} s and, ready to go on, waited for a processor for ${spent('waited')} s: the runner has a thread for each.`,
  )
  report.check('the backup succeeds', run.status === 'success', `${run.status}, ${run.outcome ?? run.error?.message ?? ''}`)
  report.check('the Hub tells of its event loop', delays.length > 0 && worst > 0, `${delays.length} times`)
  report.check('nothing was logged', hub.log === '', hub.log.slice(0, 1000) || 'nothing')
  // On a machine that does other things meanwhile a time says nothing.
  if (scale === 'full') report.check(`the event loop never waits more than ${boundMs} ms`, worst <= boundMs, `${round1(worst)} ms`)
}

const questions: Record<string, (client: Client, jobId: string) => Promise<unknown>> = {
  'the jobs': ({ jobs }) => jobs.list(),
  'the runs': ({ runs }) => runs.list(),
  'the runs of the job': ({ jobs }, id) => jobs.runs({ params: { id } }),
  'the overview': ({ overview }) => overview.get(),
}

/** @returns how long each answer took, in ms */
async function keepAsking(client: Client, jobId: string, signal: AbortSignal): Promise<number[]> {
  const durations: number[] = []
  while (!signal.aborted) {
    for (const ask of Object.values(questions)) {
      const from = performance.now()
      await ask(client, jobId)
      durations.push(performance.now() - from)
    }
  }
  return durations
}

/** Follows a run live. `close` tells how many messages came. */
async function watchRun(url: string, runId: string, cookie: string): Promise<{ close(): number }> {
  const socket = new WebSocket(`${url.replace('http', 'ws')}/api/runs/${runId}/events/ws`, { headers: { cookie } })
  let messages = 0
  socket.on('message', () => messages++)
  await new Promise((resolve, reject) => socket.once('open', resolve).once('error', reject))
  return {
    close() {
      socket.terminate()
      return messages
    },
  }
}

async function readDelay(url: string): Promise<LoopDelay> {
  const text = await (await fetch(`${url}/metrics`)).text()
  const ms = (name: string) => {
    const found = new RegExp(`^bastion_nodejs_eventloop_lag_${name}_seconds (\\S+)$`, 'm').exec(text)?.[1]
    if (found === undefined) throw new Error(`the Hub does not tell the ${name} of its event loop's delay`)
    return Number(found) * 1000
  }
  return { maxMs: ms('max'), p99Ms: ms('p99') }
}

interface ThreadTimes {
  worked: number
  waited: number
}

/** Of the main thread of a process, in seconds. */
function threadTimes(pid: number): ThreadTimes {
  const [worked = 0, waited = 0] = readFileSync(`/proc/${pid}/task/${pid}/schedstat`, 'latin1')
    .split(' ')
    .map((ns) => Number(ns) / 1e9)
  return { worked, waited }
}

function quantile(sorted: readonly number[], share: number): number {
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0
}

function round1(ms: number): number {
  return Math.round(ms * 10) / 10
}
