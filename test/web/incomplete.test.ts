import { cpSync, existsSync, readdirSync, readFileSync, rmSync, utimesSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { expect, test } from 'vitest'
import { newDeleteTask } from '../../src/core/delete-task.ts'
import { databaseName, openStore } from '../../src/hub/store/store.ts'
import { jobWithBackups } from '../support/job-with-backups.ts'
import { anId } from '../support/hub-records.ts'
import { whyNoBrowser } from '../support/web-browser.ts'

test('what a killed run has left is ignored no more from its page, and removed with a log', { timeout: 300_000 }, async (context) => {
  if (whyNoBrowser !== undefined) return context.skip(whyNoBrowser)
  await using sample = await jobWithBackups(1)
  const { page, client, hub, job, runIds, target } = sample
  const left = anId(1, 'left')
  cpSync(path.join(target, job.id, runIds[0]!), path.join(target, job.id, left), { recursive: true })
  rmSync(path.join(target, job.id, left, 'complete.json'))
  const at = path.join(target, job.id, left)
  const marker = JSON.parse(readFileSync(path.join(at, 'run.json'), 'utf8')) as object
  writeFileSync(path.join(at, 'run.json'), JSON.stringify({ ...marker, run_id: left, started_at: 1 }))
  // What is young may still be written to.
  for (const name of readdirSync(at)) utimesSync(path.join(at, name), 1, 1)
  {
    // As a look at the target has found it, a week ago.
    await using store = await openStore({ file: path.join(hub.folder, 'data', databaseName), clock: { now: () => Date.now() } })
    const { target_id } = (await store.artifacts.get(runIds[0]!))!
    await store.incompleteRuns.insert(left, {
      target_snapshot: { type: 'local_dir', path: target },
      objects: 3,
      bytes: 2048,
      last_sign_at: 1,
      found_at: 1,
    })
    const task = newDeleteTask({ run_id: left, job_id: job.id, node_id: 'hub', target_id }, { force: false, by: 'cleanup', now: 1 })
    await store.cleanupTasks.insert({ ...task, status: 'ignored', next_attempt_at: null })
  }
  await page.goto('/maintenance/incomplete')
  await page.getByText('Nothing was left behind').waitFor()
  await page.goto('/maintenance/incomplete?status=ignored')
  await page.getByRole('link', { name: 'Ignored' }).click()
  await page.getByRole('dialog').getByText('3 objects, 2 KiB').waitFor()
  await page.getByRole('button', { name: 'No longer ignore' }).click()
  const statusOf = async () => (await client.maintenance.incomplete({ query: { status: 'done' } })).items.map(({ run_id }) => run_id)
  await expect.poll(statusOf, { timeout: 60_000 }).toEqual([left])
  expect(existsSync(at)).toBe(false)
  await page.goto(`/maintenance/incomplete?status=done&open=${left}`)
  await expect.poll(() => page.getByRole('list', { name: 'Delete log' }).getByRole('listitem').count(), { timeout: 30_000 }).toBeGreaterThan(1)
  expect(sample.complaints).toEqual([])
})
