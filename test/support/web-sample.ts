import { spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { mkdir, rename, writeFile } from 'node:fs/promises'
import path from 'node:path'
import type { Client } from '../../src/client/client.ts'
import { openConsole } from './web-browser.ts'
import { addPastRuns } from './web-past.ts'

export type SampleConsole = Awaited<ReturnType<typeof openSampleConsole>>

/**
 * A console with a job that has run, one that failed, one that waits for its time, one whose source changed while it was read, one that runs as long as the
 * console is open, one whose target is gone, and a file with a name nobody should trust.
 */
export async function openSampleConsole(options: Parameters<typeof openConsole>[0] = {}) {
  await using opened = new AsyncDisposableStack()
  const console = opened.use(await openConsole(options))
  const ids = await fill(console.hub.folder, console.client)
  opened.defer(async () => {
    await console.client.runs.cancel({ params: { id: ids.liveRunId } })
    await ended(console.client, ids.liveRunId)
  })
  const kept = opened.move()
  return { ...console, ids, [Symbol.asyncDispose]: () => kept.disposeAsync() }
}

export const hostileName = '<img src=x onerror=alert(1)>.txt'

async function fill(folder: string, client: Client) {
  const source = path.join(folder, 'srv')
  const target = path.join(folder, 'backups')
  await mkdir(path.join(source, 'app', 'config'), { recursive: true })
  await writeFile(path.join(source, hostileName), 'harmless')
  for (let i = 0; i < 40; i += 1) await writeFile(path.join(source, 'app', `document-${i}.txt`), 'x'.repeat(i * 997))
  await writeFile(path.join(source, 'app', 'config', 'settings.json'), '{}')
  await writeFile(path.join(source, 'app', 'scan.pdf'), randomBytes(9_000_000))
  const jobOf = (name: string, more: object = {}) =>
    client.jobs.create({
      body: { name, source: { type: 'filesystem', paths: [source] }, target: { type: 'local_dir', path: target }, ...more },
    })
  const good = await jobOf('Documents of the server', {
    schedule: '0 3 * * *',
    schedule_timezone: 'Europe/Berlin',
    retention: { mode: 'custom', keep_last: 1, keep_weekly: 8, keep_monthly: 12 },
  })
  const failing = await jobOf('Photos', { source: { type: 'filesystem', paths: [path.join(folder, 'not-there')] }, retry: { attempts: 0 } })
  const mail = await jobOf('Mail', {
    schedule: '*/30 * * * *',
    source: { type: 'filesystem', paths: [source], hooks: { before: { command: ['/usr/bin/docker', 'stop', '--time', '30', 'mail'] } } },
    pipeline: { encryption: { type: 'age_x25519', key_name: 'default' } },
  })
  const home = await jobOf('Home directories', { schedule: '15 1 * * *' })
  addPastRuns(folder, good.id, 'ssssssfssssssssssswsssssssss', 9_500_000)
  addPastRuns(folder, failing.id, '      ssssssssswsssssssfssff', 180_000_000)
  addPastRuns(folder, home.id, 'sswsssssssss sssssswssssssssw', 60_000_000)
  const { run_id: runId } = await client.jobs.run({ params: { id: good.id } })
  const { run_id: failedRunId } = await client.jobs.run({ params: { id: failing.id } })
  await Promise.all([runId, failedRunId].map((id) => ended(client, id)))
  for (let i = 0; i < 2; i += 1) {
    await writeFile(path.join(source, `added-${i}.txt`), 'new')
    await writeFile(path.join(source, 'app', 'notes.md'), 'what is to be done')
    await Promise.all([good, failing].map(async ({ id }) => ended(client, (await client.jobs.run({ params: { id } })).run_id)))
  }
  const { items: runs } = await client.runs.list({ query: { job_id: good.id, limit: 1 } })
  await client.artifacts.pin({ params: { id: good.id, run_id: runId } })
  const { operation_id: drillId } = await client.operations.drill({ params: { id: runId } })
  const disk = path.join(folder, 'usb-disk')
  const stuck = await stuckDelete(client, (await jobOf('Old laptop', { target: { type: 'local_dir', path: disk } })).id, disk)
  await operationEnded(client, drillId)
  const changedRunId = await changingRun(client, folder, target)
  return {
    ...stuck,
    changedRunId,
    liveRunId: await longRun(client, folder, target),
    drillId,
    lastRunId: runs[0]!.id,
    jobId: good.id,
    jobName: good.name,
    failingJobId: failing.id,
    mailJobId: mail.id,
    runId,
    failedRunId,
    source,
    target,
  }
}

/** A run that has finished with warnings: its file was written to each time it was read. */
async function changingRun(client: Client, folder: string, target: string): Promise<string> {
  const sizeBytes = 24 * 1024 * 1024
  const file = path.join(folder, 'shop', 'orders.journal')
  await mkdir(path.dirname(file))
  await writeFile(file, randomBytes(sizeBytes))
  const job = await client.jobs.create({
    body: {
      name: 'Shop',
      schedule: '0 */6 * * *',
      source: { type: 'filesystem', paths: [path.dirname(file)], snapshot_mode: 'off' },
      target: { type: 'local_dir', path: target },
    },
  })
  addPastRuns(folder, job.id, 'sssswsssssssssssssssssssssssw', 25_000_000)
  const writer = spawn(process.execPath, [path.join(import.meta.dirname, 'busy-writer.ts'), 'ends', file, String(sizeBytes)], {
    stdio: ['ignore', 'pipe', 'ignore'],
  })
  try {
    await new Promise((resolve) => writer.stdout.once('data', resolve))
    // On a busy machine the writer may have had no turn while its file was read.
    for (;;) {
      const { run_id } = await client.jobs.run({ params: { id: job.id } })
      const { consistency_changed_total } = await ended(client, run_id)
      if (consistency_changed_total > 0) return run_id
    }
  } finally {
    writer.kill('SIGKILL')
  }
}

/** A run that goes on for a quarter of an hour: it may store only so much a second. */
async function longRun(client: Client, folder: string, target: string): Promise<string> {
  const films = path.join(folder, 'films')
  await mkdir(films)
  for (let i = 0; i < 300; i += 1) await writeFile(path.join(films, `scene-${i}.mkv`), randomBytes(512 * 1024))
  const job = await client.jobs.create({
    body: {
      name: 'Film archive',
      source: { type: 'filesystem', paths: [films] },
      target: { type: 'local_dir', path: target },
      pipeline: { part_size_bytes: 1024 * 1024, bandwidth_limit: 200_000 },
    },
  })
  const { run_id } = await client.jobs.run({ params: { id: job.id } })
  while ((await client.runs.get({ params: { id: run_id } })).progress === null) await new Promise((resolve) => setTimeout(resolve, 100))
  return run_id
}

/** A backup that cannot be deleted, for the disk it lies on is not there. */
async function stuckDelete(client: Client, id: string, disk: string) {
  const { run_id } = await client.jobs.run({ params: { id } })
  await ended(client, run_id)
  await rename(disk, `${disk}-away`)
  const params = { id, run_id }
  await client.artifacts.delete({ params, query: { force: 'true' } })
  while ((await client.artifacts.get({ params })).status !== 'error') await new Promise((resolve) => setTimeout(resolve, 100))
  return { stuckJobId: id, stuckRunId: run_id }
}

/** Waits for the end of an operation. */
export async function operationEnded(client: Client, id: string) {
  for (;;) {
    const operation = await client.operations.get({ params: { id } })
    if (operation.ended_at !== null) return operation
    await new Promise((resolve) => setTimeout(resolve, 100))
  }
}

/** Waits for the end of a run. */
export async function ended(client: Client, runId: string) {
  for (;;) {
    const run = await client.runs.get({ params: { id: runId } })
    if (run.ended_at !== null) return run
    await new Promise((resolve) => setTimeout(resolve, 100))
  }
}
