import { rename } from 'node:fs/promises'
import { expect, test } from 'vitest'
import { jobWithBackups, patiently } from '../support/job-with-backups.ts'
import { whyNoBrowser } from '../support/web-browser.ts'

test('a backup is pinned from the list, stays in a delete of all, and goes with force once that was typed out', async (context) => {
  if (whyNoBrowser !== undefined) return context.skip(whyNoBrowser)
  await using sample = await jobWithBackups(3)
  const { page, client, job, runIds } = sample
  const statusOf = async (runId: string) => (await client.artifacts.get({ params: { id: job.id, run_id: runId } })).status
  await page.goto(`/jobs/${job.id}?tab=snapshots&sort=time`)
  const rows = page.locator('table tbody tr')
  await expect.poll(() => rows.count(), patiently).toBe(3)
  // The oldest comes first, as the address says.
  await rows.nth(0).getByRole('button', { name: 'Pin this backup' }).click()
  await rows.nth(0).getByRole('button', { name: 'Unpin this backup' }).waitFor()
  expect((await client.artifacts.get({ params: { id: job.id, run_id: runIds[0]! } })).pinned_at).not.toBeNull()

  await page.getByRole('checkbox', { name: 'Select all' }).click()
  await page.getByRole('button', { name: 'Delete 3 …' }).click()
  const dialog = page.getByRole('dialog')
  await dialog.getByText('Letters: 2 backups').waitFor()
  await dialog.getByText('One of them is pinned and stays.').waitFor()
  await dialog.getByRole('button', { name: 'Delete 2' }).click()
  // The newest good one stays too, and the page says so.
  await page.getByText('One delete is queued').first().waitFor()
  await page.getByText('one is the newest good backup of its job and stays').first().waitFor()
  await expect.poll(() => rows.count(), patiently).toBe(2)
  await expect.poll(() => statusOf(runIds[1]!), patiently).toBe('deleted')
  expect([await statusOf(runIds[0]!), await statusOf(runIds[2]!)]).toEqual(['present', 'present'])

  await page.getByRole('checkbox', { name: 'Select all' }).click()
  await page.getByRole('button', { name: 'Delete 2 …' }).click()
  await dialog.getByRole('checkbox', { name: 'Delete these too' }).click()
  await dialog.getByText('Pinned, and gone all the same:').waitFor()
  const confirm = dialog.getByRole('button', { name: 'Delete 2' })
  expect(await confirm.isDisabled()).toBe(true)
  await dialog.getByLabel('Type delete 2 to confirm').fill('delete 2')
  await confirm.click()
  await page.getByText('No backup yet').waitFor()
  await expect.poll(async () => [await statusOf(runIds[0]!), await statusOf(runIds[2]!)], patiently).toEqual(['deleted', 'deleted'])

  // What is gone can still be looked at, with the log of its delete; the address alone brings it back.
  await page.goto(`/jobs/${job.id}?tab=snapshots&state=deleted`)
  await expect.poll(() => rows.count(), patiently).toBe(3)
  await rows.nth(0).getByRole('link').first().click()
  const log = page.getByRole('list', { name: 'Delete log' })
  await expect.poll(() => log.getByRole('listitem').count(), patiently).toBeGreaterThanOrEqual(2)
  const address = page.url()
  await page.goto('/')
  await page.goto(address)
  await log.waitFor()
  expect(sample.complaints).toEqual([])
})

test('a delete that cannot reach its disk stands in the queue with its reason, is ignored, taken up again, and ends when the disk is back', async (context) => {
  if (whyNoBrowser !== undefined) return context.skip(whyNoBrowser)
  await using sample = await jobWithBackups(2)
  const { page, client, job, runIds, target } = sample
  const params = { id: job.id, run_id: runIds[0]! }
  await rename(target, `${target}-away`)
  await client.artifacts.delete({ params })
  await page.goto('/maintenance/deletes')
  const rows = page.locator('table tbody tr')
  await rows.getByText('Not the expected target').waitFor()

  await page.getByRole('checkbox', { name: 'Select all' }).click()
  await page.getByRole('button', { name: 'Ignore 1 …' }).click()
  await page.getByRole('dialog').getByRole('button', { name: 'Ignore' }).click()
  await page.getByText('No delete needs a look').waitFor()
  await page.getByRole('button', { name: 'Ignored' }).click()
  await rows.getByText('Letters').click()
  const panel = page.getByRole('dialog')
  await panel.getByText('Ignored').first().waitFor()
  await rename(`${target}-away`, target)
  await panel.getByRole('button', { name: 'Retry now' }).click()
  await expect.poll(async () => (await client.artifacts.get({ params })).status, patiently).toBe('deleted')
  await panel.getByText('Deleted', { exact: true }).first().waitFor()
  expect(sample.complaints).toEqual([])
})
