import { mkdir, rename, writeFile } from 'node:fs/promises'
import path from 'node:path'
import type { Client } from '../../src/client/client.ts'
import { openConsole } from './web-browser.ts'
import { addPastRuns } from './web-past.ts'

export type SampleConsole = Awaited<ReturnType<typeof openSampleConsole>>

/** A console with a job that has run, one that failed, one that waits for its time, one whose target is gone, and a file with a name nobody should trust. */
export async function openSampleConsole(options: Parameters<typeof openConsole>[0] = {}) {
  await using opened = new AsyncDisposableStack()
  const console = opened.use(await openConsole(options))
  const ids = await fill(console.hub.folder, console.client)
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
  await jobOf('Mail', { schedule: '*/30 * * * *', pipeline: { encryption: { type: 'age_x25519', key_name: 'default' } } })
  const home = await jobOf('Home directories', { schedule: '15 1 * * *' })
  addPastRuns(folder, good.id, 'ssssssfssssssssssswsssssssss')
  addPastRuns(folder, failing.id, '      ssssssssswsssssssfssff')
  addPastRuns(folder, home.id, 'sswsssssssss sssssswssssssssw')
  const { run_id: runId } = await client.jobs.run({ params: { id: good.id } })
  const { run_id: failedRunId } = await client.jobs.run({ params: { id: failing.id } })
  await Promise.all([runId, failedRunId].map((id) => ended(client, id)))
  for (let i = 0; i < 2; i += 1) {
    await writeFile(path.join(source, `added-${i}.txt`), 'new')
    await Promise.all([good, failing].map(async ({ id }) => ended(client, (await client.jobs.run({ params: { id } })).run_id)))
  }
  const { items: runs } = await client.runs.list({ query: { job_id: good.id, limit: 1 } })
  await client.artifacts.pin({ params: { id: good.id, run_id: runId } })
  const { operation_id: drillId } = await client.operations.drill({ params: { id: runId } })
  const disk = path.join(folder, 'usb-disk')
  const stuck = await stuckDelete(client, (await jobOf('Old laptop', { target: { type: 'local_dir', path: disk } })).id, disk)
  await operationEnded(client, drillId)
  return {
    ...stuck,
    drillId,
    lastRunId: runs[0]!.id,
    jobId: good.id,
    jobName: good.name,
    failingJobId: failing.id,
    runId,
    failedRunId,
    source,
    target,
  }
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
