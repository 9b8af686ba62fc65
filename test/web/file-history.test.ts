import { rm, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { expect, test } from 'vitest'
import { jobWithBackups } from '../support/job-with-backups.ts'
import { multiplyArtifact } from '../support/multiply-artifact.ts'
import { violationsOf, whyNoBrowser } from '../support/web-browser.ts'

test('a file is followed through the backups of its job: changed, the same, absent, not to be read', { timeout: 300_000 }, async (context) => {
  if (whyNoBrowser !== undefined) return context.skip(whyNoBrowser)
  await using sample = await jobWithBackups(1)
  const { page, source, target, job, backUp, runIds } = sample
  const letter = path.join(source, 'letter.txt')
  const second = await (await writeFile(letter, 'dear reader, again'), backUp())
  const third = await backUp()
  await rm(letter)
  await backUp()
  await writeFile(letter, 'dear reader, again')
  const broken = await backUp()
  await rm(path.join(target, job.id, broken, 'entries.jsonl.zst'))

  const asked: string[] = []
  page.on('request', (request) => request.url().includes('/history') && asked.push(request.url()))
  await page.goto(`/runs/${third}/files?path=${encodeURIComponent(source.slice(1))}`)
  const open = page.getByRole('button', { name: 'Versions of letter.txt' })
  await open.waitFor()
  expect(asked).toEqual([])
  await open.click()
  const panel = page.getByRole('dialog')
  const lines = panel.locator('[data-version]')
  await lines.first().waitFor()
  expect(await lines.evaluateAll((all) => all.map((line: { dataset: Record<string, string> }) => line.dataset['version']))).toEqual([
    'unreadable',
    'absent',
    'file',
    'file',
  ])
  expect(asked).toHaveLength(1)
  expect(await lines.nth(0).innerText()).toContain('Cannot be read')
  expect(await lines.nth(0).innerText()).toContain('entries.jsonl.zst')
  expect(await lines.nth(1).innerText()).toContain('Not in this backup')
  const changed = await lines.nth(2).innerText()
  for (const text of ['Content changed', '18 B', 'Same in 2 backups', 'You are here']) expect(changed).toContain(text)
  expect(await lines.nth(3).innerText()).toContain('11 B')
  await panel.getByText('5 backups, there is no older one').waitFor()
  expect(await violationsOf(page)).toEqual([])

  // Each version comes as it was.
  const downloading = page.waitForEvent('download')
  await lines
    .nth(3)
    .getByRole('link', { name: /^Download the version of/ })
    .click()
  const chunks: Buffer[] = []
  for await (const chunk of await (await downloading).createReadStream()) chunks.push(chunk as Buffer)
  expect(Buffer.concat(chunks).toString()).toBe('dear reader')

  await lines.nth(2).getByRole('button', { name: 'Each of them' }).click()
  expect(
    await lines
      .nth(2)
      .getByRole('link', { name: /^Restore the version of/ })
      .count(),
  ).toBe(3)
  const ways = async (name: RegExp, line: number) =>
    new URL((await lines.nth(line).getByRole('link', { name }).first().getAttribute('href'))!, 'http://hub')
  const comparison = await ways(/^Compare the backup of/, 2)
  expect([comparison.pathname, comparison.searchParams.get('before')]).toEqual([`/runs/${second}/compare`, runIds[0]])
  expect((await ways(/^Restore the version of/, 3)).pathname).toBe(`/runs/${runIds[0]!}/restore`)

  // The address has it open again, and what is restored is this file of that backup.
  const address = page.url()
  await page.goto('/')
  await page.goto(address)
  await lines
    .nth(3)
    .getByRole('link', { name: /^Restore the version of/ })
    .click()
  await page.waitForURL(`**/runs/${runIds[0]!}/restore?**`)
  await page
    .getByText(/^1 file|^one file/i)
    .first()
    .waitFor()
  expect(sample.complaints).toEqual([])
})

test('further back is looked only when somebody asks for it', { timeout: 300_000 }, async (context) => {
  if (whyNoBrowser !== undefined) return context.skip(whyNoBrowser)
  await using sample = await jobWithBackups(1)
  const { page, client, source, target, job, runIds } = sample
  const [, runId = ''] = multiplyArtifact(target, `${job.id}/${runIds[0]!}`, { count: 22, jobs: 1 }).at(-1)!.split('/')
  expect(await client.maintenance.rebuildIndex({ body: { target: { type: 'local_dir', path: target } } })).toMatchObject({ next: null })
  const folder = encodeURIComponent(source.slice(1))
  await page.goto(`/runs/${runId}/files?path=${folder}&history=${folder}%2Fletter.txt`)
  const panel = page.getByRole('dialog')
  await panel.getByText('20 backups so far').waitFor()
  await panel.getByText(/^Same in 20 backups/).waitFor()
  await panel.getByRole('button', { name: 'Look further back' }).click()
  await panel.getByText('22 backups, there is no older one').waitFor()
  await panel.getByText(/^Same in 22 backups/).waitFor()
  expect(await panel.getByRole('button', { name: 'Look further back' }).count()).toBe(0)
  expect(sample.complaints).toEqual([])
})
