import { rm, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { expect, test } from 'vitest'
import { jobWithBackups } from '../support/job-with-backups.ts'
import { whyNoBrowser } from '../support/web-browser.ts'

test('two backups are compared: what was added, changed and removed, each side to be downloaded', { timeout: 300_000 }, async (context) => {
  if (whyNoBrowser !== undefined) return context.skip(whyNoBrowser)
  await using sample = await jobWithBackups(0)
  const { page, source, backUp } = sample
  const file = (name: string) => path.join(source, name)
  await writeFile(file('gone.txt'), 'will go')
  await backUp()
  await rm(file('gone.txt'))
  await writeFile(file('letter.txt'), 'dear reader, there is more to say')
  await writeFile(file('new.txt'), 'just written')
  const runId = await backUp()
  await page.goto(`/runs/${runId}/files`)
  await page.getByRole('link', { name: 'Compare …' }).click()
  const row = (name: string) => page.getByRole('row').filter({ hasText: name })
  await row('letter.txt').getByText('Changed').waitFor()
  expect(await row('letter.txt').textContent()).toContain('11 B → 33 B')
  expect(await row('letter.txt').textContent()).toContain('content')
  await row('new.txt').getByText('Added').waitFor()
  await row('gone.txt').getByText('Removed').waitFor()
  // What is gone comes from the earlier backup.
  const downloading = page.waitForEvent('download')
  await row('gone.txt').getByRole('link', { name: 'Download' }).click()
  expect((await downloading).suggestedFilename()).toBe('gone.txt')

  await page.getByLabel('Change').selectOption('Added')
  await row('gone.txt').waitFor({ state: 'detached' })
  const address = page.url()
  await page.goto('/')
  await page.goto(address)
  await row('new.txt').waitFor()
  expect(await row('letter.txt').count()).toBe(0)
  expect(sample.complaints).toEqual([])
})
