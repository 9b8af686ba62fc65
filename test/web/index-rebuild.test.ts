import { mkdir, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { expect, test } from 'vitest'
import { jobWithBackups } from '../support/job-with-backups.ts'
import { openConsole, whyNoBrowser } from '../support/web-browser.ts'

test('an empty Hub learns from the pages what a target holds, and names what is not ours', { timeout: 300_000 }, async (context) => {
  if (whyNoBrowser !== undefined) return context.skip(whyNoBrowser)
  await using lost = await jobWithBackups(1)
  await mkdir(path.join(lost.target, 'holiday'))
  await writeFile(path.join(lost.target, 'holiday', 'photo.jpg'), 'somebody else put it here')
  await using fresh = await openConsole()
  const { page, client } = fresh
  await page.goto('/maintenance/index')
  await page.getByRole('textbox', { name: 'Folder' }).fill(lost.target)
  await page.getByRole('button', { name: 'Learn' }).click()
  await page.getByText('All of it was read.').waitFor()
  const fact = (name: string) => page.locator('dt', { hasText: name }).locator('+ dd')
  expect([await fact('Jobs learned').textContent(), await fact('Backups learned').textContent()].map((text) => text?.trim())).toEqual(['1', '1'])
  await page.getByRole('list', { name: 'Not ours' }).getByText('holiday').waitFor()
  await page.getByRole('link', { name: 'To the archived jobs' }).click()
  await page.getByRole('link', { name: 'Letters' }).waitFor()
  const { items } = await client.artifacts.list()
  expect(items.map(({ run_id }) => run_id)).toEqual(lost.runIds)
  expect(fresh.complaints).toEqual([])
})
