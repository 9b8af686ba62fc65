import { mkdir, writeFile } from 'node:fs/promises'
import path from 'node:path'
import type { JobSpec } from '../../src/protocol/job-spec.ts'
import { openConsole } from './web-browser.ts'
import { ended } from './web-sample.ts'

/** A console with a job of one folder and its backups, the oldest first. */
export async function jobWithBackups(count: number, more: Partial<JobSpec> = {}) {
  await using opened = new AsyncDisposableStack()
  const console = opened.use(await openConsole())
  const { client, hub } = console
  const source = path.join(hub.folder, 'srv')
  const target = path.join(hub.folder, 'backups')
  await mkdir(source)
  await writeFile(path.join(source, 'letter.txt'), 'dear reader')
  const job = await client.jobs.create({
    body: { name: 'Letters', source: { type: 'filesystem', paths: [source] }, target: { type: 'local_dir', path: target }, ...more },
  })
  async function backUp(): Promise<string> {
    const { run_id } = await client.jobs.run({ params: { id: job.id } })
    await ended(client, run_id)
    return run_id
  }
  const runIds: string[] = []
  for (let i = 0; i < count; i += 1) runIds.push(await backUp())
  const kept = opened.move()
  return { ...console, job, runIds, source, target, backUp, [Symbol.asyncDispose]: () => kept.disposeAsync() }
}

/** The machine may be busy. */
export const patiently = { timeout: 30_000 }
