import { existsSync, readFileSync, statSync } from 'node:fs'
import path from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { WebSocket } from 'ws'
import type { Client } from '../../src/client/client.ts'
import type { KeptRunEvent } from '../../src/core/run-event.ts'
import type { RunDetail } from '../../src/core/run-detail.ts'
import { pastClockGranularity } from '../support/engine.ts'
import { type HubServerOptions, signIn, startHubServer, whyNoProgram } from '../support/hub-server.ts'
import { writeManyFiles, writeSampleFile } from '../support/sample-files.ts'
import { scale } from '../support/scale.ts'
import { pathsOf, readTrace, sqliteLookBytes, whyNoStrace } from '../support/strace.ts'
import { temporaryFolder } from '../support/temporary-folder.ts'

// A Hub as it is installed that ends while a run is at work, and the one after it.

const mebibyte = 2 ** 20
/** How long there is no Hub. */
const awayMs = scale(1000, 10_000)
const sourceBytes = scale(12, 60) * mebibyte

interface RestartCase extends AsyncDisposable {
  readonly folder: string
  readonly source: string
  start(options?: Partial<HubServerOptions>): ReturnType<typeof startHubServer>
  /** the process of a run; null when it has none */
  runnerOf(runId: string): number | null
}

async function restartCase(): Promise<RestartCase> {
  const folder = await temporaryFolder()
  const source = path.join(folder.path, 'source')
  const dataDir = path.join(folder.path, 'data')
  writeManyFiles(path.join(source, 'small'), { count: 50, perDirectory: 10, sizeBytes: () => 3000 })
  writeSampleFile(path.join(source, 'large.bin'), sourceBytes)
  await pastClockGranularity()
  return {
    folder: folder.path,
    source,
    start: (options = {}) => startHubServer({ dataDir, ...options }),
    runnerOf(runId) {
      const lock = path.join(dataDir, 'runs', runId, 'lock')
      const pid = existsSync(lock) ? Number(readFileSync(lock, 'latin1')) : 0
      return pid > 0 && existsSync(`/proc/${pid}`) && readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes(runId) ? pid : null
    },
    [Symbol.asyncDispose]: () => folder[Symbol.asyncDispose](),
  }
}

/** Starts a run that takes `seconds`. @returns its id, and what was told of it until it stores */
async function runAtWork(client: Client, { source, folder }: RestartCase, seconds: number): Promise<{ id: string; told: KeptRunEvent[] }> {
  const job = await client.jobs.create({
    body: {
      name: 'slow',
      source: { type: 'filesystem', paths: [source], snapshot_mode: 'off' },
      pipeline: { part_size_bytes: mebibyte, bandwidth_limit: Math.round(sourceBytes / seconds) },
      target: { type: 'local_dir', path: path.join(folder, 'target') },
    },
  })
  const { run_id: id } = await client.jobs.run({ params: { id: job.id } })
  for (;;) {
    const { items: told } = await client.runs.events({ params: { id } })
    if (told.some(({ kind }) => kind === 'part_stored')) return { id, told }
    await wait(50)
  }
}

async function ended(client: Client, id: string): Promise<RunDetail> {
  for (;;) {
    const run = await client.runs.get({ params: { id } })
    if (run.ended_at !== null) return run
    await wait(50)
  }
}

/** One run from its beginning to its end, told once and whole, whatever happened to who tells it. */
async function expectOneStory(client: Client, id: string, told: readonly KeptRunEvent[]): Promise<void> {
  expect(await ended(client, id)).toMatchObject({ status: 'success', outcome: 'success', attempt: 1, retry_of: null })
  const { items: events } = await client.runs.events({ params: { id }, query: { limit: 1000 } })
  expect(events.map(({ seq }) => seq)).toEqual(events.map((_, at) => at + 1))
  expect(events.slice(0, told.length)).toEqual(told)
  const once = ['queued', 'dispatched', 'started', 'packaging', 'complete']
  expect(events.map(({ kind }) => kind).filter((kind) => once.includes(kind))).toEqual(once)
  expect(events.length).toBeGreaterThan(told.length)
  expect((await client.runs.list()).items).toHaveLength(1)
}

test('a Hub killed while a backup is at work, and started again: one success, told without a gap, and no byte of the source read twice', async ({
  skip,
}) => {
  const reason = whyNoProgram ?? (await whyNoStrace())
  skip(reason !== undefined, reason)
  await using place = await restartCase()
  const traces = ['first', 'second'].map((name) => path.join(place.folder, `${name}.trace`))
  // Detached, so that the Hub is the process that was started, and what it starts is traced beyond its end.
  const traced = (trace: string) => ({ under: ['strace', '-D', '-f', '-y', '-o', trace, '-e', 'trace=read,pread64,readv,preadv,copy_file_range'] })

  const first = await place.start(traced(traces[0]!))
  const { id, told } = await runAtWork((await signIn(first)).client, place, scale(4, 20))
  const runner = place.runnerOf(id)
  await first.kill()
  expect(runner).not.toBeNull()
  await wait(awayMs)
  expect(place.runnerOf(id)).toBe(runner)

  await using second = await place.start(traced(traces[1]!))
  const { client } = await signIn(second)
  await expectOneStory(client, id, told)
  expect(await second.stop()).toBe(0)
  await written(traces)
  const reads = traces.flatMap(readTrace).filter((call) => call.result > 0 && pathsOf(call)[0]?.startsWith(`${place.source}/`))
  expect(reads.reduce((sum, { result }) => sum + result, 0)).toBe(50 * 3000 + sourceBytes + sqliteLookBytes)
})

/** The tracer writes until the last process it traces has ended, and nobody is told when. */
async function written(files: readonly string[]): Promise<void> {
  for (let before = -1, now = 0; before !== now; before = now, now = files.reduce((sum, file) => sum + statSync(file).size, 0)) await wait(300)
}

test('a Hub asked to stop ends while its run goes on, tells those who watch, and the next one follows the run to its end', async ({ skip }) => {
  skip(whyNoProgram !== undefined, whyNoProgram)
  await using place = await restartCase()
  await using first = await place.start()
  const { client, cookie } = await signIn(first)
  const { id, told } = await runAtWork(client, place, 12)
  const watch = () => new WebSocket(`${first.url.replace('http', 'ws')}/api/runs/${id}/events/ws`, { headers: { cookie } })
  const [watcher, frozen] = [watch(), watch()]
  const closed = new Promise<number>((resolve) => watcher.once('close', resolve))
  for (const socket of [watcher, frozen]) await new Promise((resolve) => socket.once('message', resolve))
  // Its browser sleeps, and answers nothing any more.
  frozen.pause()
  const runner = place.runnerOf(id)

  expect(await first.stop()).toBe(0)
  frozen.terminate()
  // It has not waited for the run.
  expect(place.runnerOf(id)).toBe(runner)
  expect(runner).not.toBeNull()
  expect(await closed).toBe(1001)
  expect(first.log).toBe('Bastion stops. Runs under way go on.\n')

  await using second = await place.start()
  await expectOneStory((await signIn(second)).client, id, told)
})
