import { statSync } from 'node:fs'
import path from 'node:path'
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { setTimeout as after } from 'node:timers/promises'
import type { Clock } from '../../src/core/clock.ts'
import type { Hub } from '../../src/hub/hub.ts'
import { createFakeNode, type FakeNode, someEvents } from '../support/fake-node.ts'
import { openHub } from '../support/hub-case.ts'
import { type DatabaseSize, fillDatabase } from '../support/large-database.ts'
import type { ProofReport } from '../support/proof-report.ts'
import type { Scale } from '../support/scale.ts'
import { seededRandom } from '../support/seed.ts'
import { temporaryFolder } from '../support/temporary-folder.ts'

export const title = 'A Hub with a million runs shows its lists and its overview at once, while four runs report'

const sizes: Record<Scale, DatabaseSize> = {
  short: { jobs: 100, runs: 2000, events: 40_000 },
  full: { jobs: 10_000, runs: 1_000_000, events: 20_000_000 },
}
const rounds: Record<Scale, number> = { short: 3, full: 1000 }
const reporting = 4
const boundMs = 50
const clock: Clock = { now: () => Date.now() }

export async function prove(report: ProofReport, scale: Scale): Promise<void> {
  const size = sizes[scale]
  await using folder = await temporaryFolder()
  const file = path.join(folder.path, 'bastion.db')
  const filledFrom = performance.now()
  await fillDatabase(file, size, clock)
  const seconds = Math.round((performance.now() - filledFrom) / 1000)
  report.line(
    `${count(size.jobs)} jobs, ${count(size.runs)} runs and ${count(size.events)} events: ${(statSync(file).size / 2 ** 30).toFixed(1)} GiB, filled by SQL in ${seconds} s and so mostly in the page cache.`,
  )

  const { hub: link, node } = createFakeNode()
  await using hub = await openHub(folder.path, { clock, link, runsPerNode: () => reporting })
  node.hello()
  await checkAnswers(report, hub, size)

  const ids = await someIds(hub)
  const stop = new AbortController()
  const runs = await startReporting(hub, node, ids.jobs)
  const told = keepReporting(node, runs, stop.signal)
  const delays = monitorEventLoopDelay({ resolution: 5 })
  delays.enable()
  const rows = []
  for (const [name, ask] of Object.entries(questions)) {
    const times: number[] = []
    for (let round = 0; round < rounds[scale]; round++) {
      const from = performance.now()
      await ask(hub, ids, round)
      times.push(performance.now() - from)
    }
    times.sort((a, b) => a - b)
    rows.push({ name, p50: quantile(times, 0.5), p95: quantile(times, 0.95), most: times.at(-1) ?? 0 })
  }
  delays.disable()
  stop.abort()
  const batches = await told

  report.table(
    ['asked, 50 rows a page', 'p50, ms', 'p95, ms', 'longest, ms'],
    rows.map(({ name, p50, p95, most }) => [name, round1(p50), round1(p95), round1(most)]),
  )
  report.line(
    `Meanwhile ${batches} times ${reporting} runs told of events and of progress. The event loop waited at most ${round1(delays.max / 1e6)} ms, at the 99th percentile ${round1(delays.percentile(99) / 1e6)} ms.`,
  )
  for (const runId of runs) {
    const { items } = await hub.store.runEvents.list(runId, 0, 1000)
    const isWhole = items.length === 2 + 2 * batches && items.every(({ seq }, at) => seq === at + 1)
    report.check('every event that a run told of is kept, without a gap', isWhole, `${items.length} events`)
  }
  // Times of the short form say nothing: there is hardly anything to find.
  if (scale === 'short') return
  for (const { name, p95 } of rows) report.check(`${name}: p95 below ${boundMs} ms`, p95 < boundMs, `${round1(p95)} ms`)
}

interface SomeIds {
  jobs: string[]
  runs: string[]
}

const page = { limit: 50 }
const pick = (ids: string[], round: number) => ids[(round * 7919) % ids.length] as string

const questions: Record<string, (hub: Hub, ids: SomeIds, round: number) => Promise<unknown>> = {
  'the first page of jobs, each with its last run': ({ store }) => store.jobs.list({}, page),
  'some page of jobs': ({ store }, ids, round) => store.jobs.list({}, { ...page, cursor: pick(ids.jobs, round) }),
  'the first page of runs': ({ store }) => store.runs.list({}, page),
  'some page of runs': ({ store }, ids, round) => store.runs.list({}, { ...page, cursor: pick(ids.runs, round) }),
  'the failed runs': ({ store }, ids, round) => store.runs.list({ status: 'failed' }, { ...page, cursor: pick(ids.runs, round) }),
  'the running runs': ({ store }) => store.runs.list({ status: 'running' }, page),
  'the runs of a job': ({ store }, ids, round) => store.runs.list({ job_id: pick(ids.jobs, round) }, page),
  'the failed runs of a job': ({ store }, ids, round) => store.runs.list({ job_id: pick(ids.jobs, round), status: 'failed' }, page),
  'one run': ({ store }, ids, round) => store.runs.detail(pick(ids.runs, round)),
  'the events of a run': ({ store }, ids, round) => store.runEvents.list(pick(ids.runs, round), 0, 100),
  'the overview': ({ store }) =>
    Promise.all([
      store.overview.jobCounts(),
      store.overview.runCounts(),
      store.overview.running(20),
      store.overview.failing(20),
      store.jobs.upcoming('hub', clock.now(), 10),
    ]),
}

async function checkAnswers(report: ProofReport, hub: Hub, size: DatabaseSize): Promise<void> {
  const seen = new Set<string>()
  let cursor: string | undefined
  let pages = 0
  do {
    const { items, next_cursor } = await hub.store.jobs.list({}, { limit: 200, cursor })
    for (const { id, last_run } of items) if (last_run?.job_id === id) seen.add(id)
    cursor = next_cursor ?? undefined
    pages++
  } while (cursor !== undefined)
  report.check(
    'page by page, every job is listed once and with a run of its own',
    seen.size === size.jobs,
    `${count(seen.size)} jobs on ${pages} pages`,
  )
  const counts = await hub.store.overview.jobCounts()
  const failing = Math.ceil(size.jobs / 50)
  report.check(
    'the overview counts what is there',
    counts.active === size.jobs && counts.failing === failing,
    `${counts.active} jobs, ${counts.failing} failing`,
  )
}

/** Jobs and runs from all over the history. */
async function someIds({ store }: Hub): Promise<SomeIds> {
  const random = seededRandom()
  const jobs = (await store.jobs.list({}, { limit: 200 })).items.map(({ id }) => id)
  const runs: string[] = []
  for (let at = 0; at < 50; at++) {
    const { items } = await store.runs.list({ job_id: jobs[Math.floor(random() * jobs.length)] }, { limit: 200 })
    for (const { id } of items) runs.push(id)
  }
  return { jobs, runs }
}

async function startReporting(hub: Hub, node: FakeNode, jobs: string[]): Promise<string[]> {
  const runs: string[] = []
  for (const jobId of jobs.slice(0, reporting)) {
    const { run_id } = await hub.dispatch.request(jobId)
    await node.next('run.offer')
    node.send({ type: 'run.accepted', run_id })
    runs.push(run_id)
  }
  return runs
}

/** Each run tells twice a second of its progress and of two parts: more than a real one. @returns how often */
async function keepReporting(node: FakeNode, runs: string[], signal: AbortSignal): Promise<number> {
  const progress = { stage: 'upload', done: { files: 1, dirs: 1, bytes: 1 }, rate_bps: 1, eta_s: 1, stored_bytes: 1 }
  let told = 0
  do {
    for (const run_id of runs) {
      node.send({ type: 'run.events', run_id, first_seq: told * 2 + 1, events: someEvents('part_stored', 'part_stored') })
      node.send({ type: 'run.progress', run_id, progress: { ...progress, stored_bytes: told } })
    }
    told++
    for (const _run of runs) await node.next('run.ack')
    await after(500, undefined, { signal }).catch(() => {})
  } while (!signal.aborted)
  return told
}

function quantile(sorted: readonly number[], share: number): number {
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0
}

function round1(ms: number): number {
  return Math.round(ms * 10) / 10
}

function count(n: number): string {
  return n.toLocaleString('en')
}
