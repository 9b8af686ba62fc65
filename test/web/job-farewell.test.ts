import { existsSync } from 'node:fs'
import path from 'node:path'
import { expect, test } from 'vitest'
import { jobWithBackups, patiently } from '../support/job-with-backups.ts'
import { violationsOf, whyNoBrowser } from '../support/web-browser.ts'

const slowly = { timeout: 300_000 }

test('a job is archived as it is, taken up again, and archived with its backups only by its name: what is pinned stays', slowly, async (context) => {
  if (whyNoBrowser !== undefined) return context.skip(whyNoBrowser)
  await using sample = await jobWithBackups(2, { schedule: '0 3 * * *' })
  const { page, client, job, runIds } = sample
  const [pinned, other] = runIds as [string, string]
  await client.artifacts.pin({ params: { id: job.id, run_id: pinned } })
  const now = () => client.jobs.get({ params: { id: job.id } })
  const statusOf = async (runId: string) => (await client.artifacts.get({ params: { id: job.id, run_id: runId } })).status
  await page.goto(`/jobs/${job.id}?tab=settings`)
  const archive = page.getByRole('button', { name: 'Archive', exact: true })
  const dialog = page.getByRole('dialog', { name: 'Archive Letters?' })

  await archive.click()
  await dialog.getByRole('button', { name: 'Cancel' }).click()
  await dialog.waitFor({ state: 'hidden' })
  expect(await now()).toMatchObject({ archived_at: null })

  await archive.click()
  await dialog.getByText('Its schedule stops.').waitFor()
  expect(await violationsOf(page)).toEqual([])
  await dialog.getByRole('button', { name: 'Archive' }).click()
  await page.getByRole('button', { name: 'Take up again' }).waitFor()
  expect(await now()).toMatchObject({ archived_at: expect.any(Number), next_run_at: null })
  expect(await Promise.all(runIds.map(statusOf))).toEqual(['present', 'present'])
  await page.getByRole('button', { name: 'Take up again' }).click()
  await archive.waitFor()
  expect(await now()).toMatchObject({ archived_at: null, next_run_at: expect.any(Number) })

  await archive.click()
  await dialog.getByRole('checkbox', { name: 'Delete its backups too' }).click()
  const confirm = dialog.getByRole('button', { name: 'Archive' })
  expect(await confirm.isDisabled()).toBe(true)
  await dialog.getByLabel('Type Letters to confirm').fill('letters')
  expect(await confirm.isDisabled()).toBe(true)
  await dialog.getByLabel('Type Letters to confirm').fill('Letters')
  expect(await violationsOf(page)).toEqual([])
  await confirm.click()
  await page.getByRole('button', { name: 'Take up again' }).waitFor()
  await expect.poll(() => Promise.all([pinned, other].map(statusOf)), patiently).toEqual(['present', 'deleted'])
  expect(sample.complaints).toEqual([])
})

test('a job is removed by its name, and its backups stay where they are unless that is asked for', slowly, async (context) => {
  if (whyNoBrowser !== undefined) return context.skip(whyNoBrowser)
  await using sample = await jobWithBackups(1)
  const { page, client, job, runIds, target } = sample
  await page.goto(`/jobs/${job.id}?tab=settings`)
  await page.getByRole('button', { name: 'Remove', exact: true }).click()
  const dialog = page.getByRole('dialog', { name: 'Remove Letters?' })
  const confirm = dialog.getByRole('button', { name: 'Remove' })
  await dialog.getByRole('radio', { name: 'Leave them where they are' }).waitFor()
  expect(await dialog.getByRole('radio', { name: 'Leave them where they are' }).isChecked()).toBe(true)
  expect(await confirm.isDisabled()).toBe(true)
  expect(await violationsOf(page)).toEqual([])
  // What was typed and chosen is asked anew the next time.
  await dialog.getByRole('radio', { name: 'Delete all of them first' }).click()
  await dialog.getByLabel('Type Letters to confirm').fill('Letters')
  await page.keyboard.press('Escape')
  await page.getByRole('button', { name: 'Remove', exact: true }).click()
  expect(await dialog.getByRole('radio', { name: 'Leave them where they are' }).isChecked()).toBe(true)
  expect(await confirm.isDisabled()).toBe(true)

  await dialog.getByLabel('Type Letters to confirm').fill('Letters')
  await page.keyboard.press('Enter')
  await page.waitForURL('**/jobs')
  await page.getByText('No jobs yet').waitFor()
  expect((await client.jobs.list()).items).toEqual([])
  expect(existsSync(path.join(target, job.id, runIds[0]!, 'complete.json'))).toBe(true)
  expect(sample.complaints).toEqual([])
})

test('a job goes after the last of its backups when these are deleted first, and one without backups goes at once', slowly, async (context) => {
  if (whyNoBrowser !== undefined) return context.skip(whyNoBrowser)
  await using sample = await jobWithBackups(1)
  const { page, client, job, runIds, source, target } = sample
  await page.goto(`/jobs/${job.id}?tab=settings`)
  await page.getByRole('button', { name: 'Remove', exact: true }).click()
  const dialog = page.getByRole('dialog')
  await dialog.getByRole('radio', { name: 'Delete all of them first' }).click()
  await dialog.getByLabel('Type Letters to confirm').fill('Letters')
  await dialog.getByRole('button', { name: 'Remove' }).click()
  await page.getByText('Letters goes when the last of its backups is deleted').first().waitFor()
  await expect.poll(async () => (await client.jobs.list({ query: { archived: 'true' } })).items, patiently).toEqual([])
  expect((await client.jobs.list()).items).toEqual([])
  expect(existsSync(path.join(target, job.id, runIds[0]!))).toBe(false)

  const bare = await client.jobs.create({
    body: { name: 'Bare', source: { type: 'filesystem', paths: [source] }, target: { type: 'local_dir', path: target } },
  })
  await page.goto(`/jobs/${bare.id}?tab=settings`)
  await page.getByRole('button', { name: 'Remove', exact: true }).click()
  await dialog.getByText('It has no backups.').waitFor()
  expect(await dialog.getByRole('textbox').count()).toBe(0)
  await dialog.getByRole('button', { name: 'Remove' }).click()
  await page.waitForURL('**/jobs')
  expect((await client.jobs.list()).items).toEqual([])
  expect(sample.complaints).toEqual([])
})
