import { writeFile } from 'node:fs/promises'
import path from 'node:path'
import { expect, test } from 'vitest'
import { jobRetentionSchema } from '../../src/core/retention.ts'
import { jobWithBackups, patiently } from '../support/job-with-backups.ts'
import { mountTmpfs, whyNoTmpfs } from '../support/tmpfs.ts'
import { whyNoBrowser } from '../support/web-browser.ts'

const retentionOf = (rules: object) => jobRetentionSchema.parse({ mode: 'custom', enabled: true, ...rules })

test(
  'rules are previewed while they are written, put back, saved, and exactly what they let go is deleted',
  { timeout: 300_000 },
  async (context) => {
    if (whyNoBrowser !== undefined) return context.skip(whyNoBrowser)
    await using sample = await jobWithBackups(3, { schedule: '0 3 * * *' })
    const { page, client, job, runIds } = sample
    const statusOf = async (runId: string) => (await client.artifacts.get({ params: { id: job.id, run_id: runId } })).status
    await page.goto(`/jobs/${job.id}?tab=retention`)
    await page.getByText('Off: nothing is deleted by itself.').waitFor()
    await page.getByRole('radio', { name: 'Its own' }).click()
    // Proposed rules: all of one day, so a day needs one of them.
    const go = page.getByRole('button', { name: 'Go' })
    await expect.poll(() => go.textContent(), patiently).toContain('2')
    for (const rule of ['Daily', 'Weekly', 'Monthly']) await page.getByLabel(rule, { exact: true }).fill('')
    await page.getByText('no rule says what to keep').first().waitFor()
    await page.getByLabel('Newest', { exact: true }).fill('1')
    await expect.poll(() => go.textContent(), patiently).toContain('2')
    await page.getByText('These rules are off').waitFor()
    await go.click()
    const going = page.getByRole('list', { name: 'Go' }).getByRole('listitem')
    expect(await going.count()).toBe(2)
    expect(await going.first().textContent()).toContain('not one of the last ones')
    expect(await page.getByRole('table', { name: 'Month by month' }).getByRole('row').count()).toBe(13)

    await page.getByRole('switch', { name: 'Delete what no rule keeps' }).click()
    await page.getByRole('button', { name: 'Save' }).click()
    await page.getByText('The rules of Letters are saved').first().waitFor()
    expect((await client.retention.get({ params: { id: job.id } })).policy).toMatchObject({ enabled: true, keep_last: 1, keep_daily: null })

    // What is not saved is not applied, and is put back.
    await page.getByLabel('Newest', { exact: true }).fill('2')
    await page.getByText('Not saved').waitFor()
    expect(await page.getByRole('button', { name: 'Apply now …' }).isDisabled()).toBe(true)
    await page.getByRole('button', { name: 'Reset' }).click()
    expect(await page.getByLabel('Newest', { exact: true }).inputValue()).toBe('1')
    await expect.poll(() => go.textContent(), patiently).toContain('2')

    await page.getByRole('button', { name: 'Apply now …' }).click()
    await page.getByRole('dialog').getByRole('button', { name: 'Delete 2' }).click()
    await page.getByText('2 deletes are queued').first().waitFor()
    await expect.poll(() => Promise.all(runIds.map(statusOf)), patiently).toEqual(['deleted', 'deleted', 'present'])
    await page.getByText('No backup goes').waitFor()
    expect(sample.complaints).toEqual([])
  },
)

test('a run that misses a mount puts a brake on, says why, and is accepted as the new normal', { timeout: 300_000 }, async (context) => {
  if (whyNoBrowser !== undefined) return context.skip(whyNoBrowser)
  const whyNot = await whyNoTmpfs()
  if (whyNot !== undefined) return context.skip(whyNot)
  await using sample = await jobWithBackups(0, { retention: retentionOf({ keep_last: 1 }) })
  const { page, client, job, source, backUp } = sample
  {
    await using disk = await mountTmpfs(path.join(source, 'disk'), 1 << 20)
    await writeFile(path.join(disk.path, 'photo.jpg'), 'x')
    await backUp()
    await backUp()
  }
  await backUp()
  await page.goto(`/jobs/${job.id}?tab=retention`)
  await page.getByText('A run looks suspicious').waitFor()
  await page.getByText(`${source}/disk was a mount, and is none any more`).first().waitFor()
  const waiting = page.getByRole('list', { name: 'Waits for a judgement' })
  await waiting.getByText('Suspicious').waitFor()
  // What a person wants gone in spite of the brake has to be said.
  await page.getByRole('button', { name: 'Apply now …' }).click()
  const dialog = page.getByRole('dialog')
  const apply = dialog.getByRole('button', { name: 'Delete one' })
  expect(await apply.isDisabled()).toBe(true)
  await dialog.getByRole('checkbox', { name: 'Delete in spite of the brake: A run looks suspicious' }).click()
  expect(await apply.isEnabled()).toBe(true)
  await dialog.getByRole('button', { name: 'Cancel' }).click()

  await waiting.getByRole('button', { name: 'Accept' }).click()
  await dialog.getByRole('button', { name: 'Accept' }).click()
  await page.getByText('A run looks suspicious').waitFor({ state: 'detached' })
  await waiting.waitFor({ state: 'detached' })
  expect((await client.retention.get({ params: { id: job.id } })).brakes).toEqual([])
  expect(sample.complaints).toEqual([])
})
