import { readFile, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { expect, test } from 'vitest'
import { temporaryFolder } from '../support/temporary-folder.ts'
import { openConsole, violationsOf, whyNoBrowser } from '../support/web-browser.ts'
import { ended } from '../support/web-sample.ts'

const slowly = { timeout: 300_000 }

test('commands before and after are typed as in a shell, checked by the schema, and run where the node allows them', slowly, async (context) => {
  if (whyNoBrowser !== undefined) return context.skip(whyNoBrowser)
  await using folder = await temporaryFolder()
  const note = path.join(folder.path, 'it was asked')
  const before = ['/usr/bin/touch', note]
  await using console = await openConsole({ allowedHooks: [before], sourceRoots: [folder.path] })
  const { page, client } = console
  await writeFile(path.join(folder.path, 'letter.txt'), 'dear all')
  const job = await client.jobs.create({
    body: { name: 'Letters', source: { type: 'filesystem', paths: [folder.path] }, target: { type: 'local_dir', path: `${console.hub.folder}/b` } },
  })
  await page.goto(`/jobs/${job.id}/edit`)
  const save = page.getByRole('button', { name: 'Save', exact: true }).first()
  const toggle = page.getByRole('switch', { name: 'Run a command before anything is read' })
  await toggle.focus()
  await page.keyboard.press('Space')
  const command = page.getByLabel('Command', { exact: true })
  // Beside the field and below the form.
  const said = (text: string) => page.getByText(text).first().waitFor()
  await said('choose at least one')
  await command.fill('touch file')
  await said('a hook names its program by an absolute path')
  await command.fill(`/usr/bin/touch '${note}`)
  await said('a quote is not closed')
  await save.click()
  expect(new URL(page.url()).pathname).toBe(`/jobs/${job.id}/edit`)
  await command.fill(`/usr/bin/touch  '${note}'`)
  await page.getByText(`--allow-hook '${JSON.stringify(before)}'`).waitFor()
  await page.getByLabel('Seconds it may take').fill('5')
  expect(await violationsOf(page)).toEqual([])
  await save.click()
  await page.waitForURL(`**/jobs/${job.id}`)
  await page.getByText(`/usr/bin/touch '${note}'`).waitFor()
  const saved = await client.jobs.get({ params: { id: job.id } })
  expect(saved.source.hooks).toEqual({ before: { command: before, timeout_s: 5, on_failure: 'fail' } })
  expect(await ended(client, (await client.jobs.run({ params: { id: job.id } })).run_id)).toMatchObject({ outcome: 'success' })
  expect(await readFile(note, 'utf8')).toBe('')

  // Switched off it is gone, and the job has no hooks at all.
  await page.goto(`/jobs/${job.id}/edit`)
  await toggle.click()
  await save.click()
  await page.waitForURL(`**/jobs/${job.id}`)
  expect((await client.jobs.get({ params: { id: job.id } })).source).not.toHaveProperty('hooks')
  expect(console.complaints).toEqual([])
})

test('the review tells what a job will do and what saving changes, and leads to each part', slowly, async (context) => {
  if (whyNoBrowser !== undefined) return context.skip(whyNoBrowser)
  await using console = await openConsole()
  const { page, client } = console
  const target = `${console.hub.folder}/b`
  const job = await client.jobs.create({
    body: {
      name: 'Letters',
      schedule: '0 3 * * *',
      schedule_timezone: 'Europe/Berlin',
      source: { type: 'filesystem', paths: ['/srv/letters'], exclude: ['*.tmp'], snapshot_mode: 'required' },
      target: { type: 'local_dir', path: target },
      pipeline: { encryption: { type: 'age_x25519', key_name: 'default' } },
      retention: { mode: 'custom', keep_daily: 14 },
    },
  })
  await page.goto(`/jobs/${job.id}/edit`)
  const review = page.locator('#part-review')
  await review.getByText(`“Letters” backs up /srv/letters (This machine) to ${target}.`).waitFor()
  const facts = async () => (await review.locator('dl').innerText()).replaceAll(/\s+/g, ' ')
  for (const fact of ['*.tmp', 'Required', 'Archive', 'Every day at 03:00 (Europe/Berlin)', 'Daily 14', 'Encrypted to the key default'])
    await expect.poll(facts, { timeout: 10_000 }).toContain(fact)
  // The key is nowhere else yet.
  await review.locator('dl').getByRole('status').waitFor()
  await review.locator('dt', { hasText: 'Next run' }).waitFor()
  expect(await review.getByText('What saving changes').count()).toBe(0)

  const part = (name: string) => page.locator(`#part-${name}`)
  await part('schedule').getByLabel('Time', { exact: true }).fill('04:30')
  await part('source').getByLabel('Leave out').fill('*.tmp\n*.bak')
  await part('source').getByLabel('Leave out').blur()
  await part('retention').getByLabel('Weekly').fill('8')
  const change = (field: string) => review.locator(`[data-change="${field}"]`).innerText()
  await review.getByText('What saving changes').waitFor()
  await expect.poll(() => review.locator('[data-change]').count()).toBe(3)
  await expect.poll(() => change('source.exclude')).toBe('Leave out: *.tmp → *.tmp, *.bak')
  await expect.poll(() => change('schedule')).toBe('Schedule: Every day at 03:00 (Europe/Berlin) → Every day at 04:30 (Europe/Berlin)')
  await expect.poll(() => change('retention.keep_weekly')).toBe('Weekly: – → 8')
  expect(await violationsOf(page)).toEqual([])

  await part('source').getByLabel('Name').fill('')
  const missing = review.getByRole('alert')
  await missing.getByText('must not be empty').waitFor()
  await missing.getByRole('link', { name: 'Source' }).click()
  await expect.poll(() => new URL(page.url()).hash).toBe('#part-source')
  await part('source').getByLabel('Name').fill('Letters')
  await missing.waitFor({ state: 'detached' })

  // Where there is no room it is the last step.
  await page.setViewportSize({ width: 390, height: 844 })
  await review.waitFor({ state: 'hidden' })
  for (let step = 0; step < 5; step += 1) await page.getByRole('button', { name: 'Next', exact: true }).click()
  await review.getByText('What saving changes').waitFor()
  await review.locator('dt').getByRole('link', { name: 'Next run' }).click()
  await part('schedule').waitFor()
  await review.waitFor({ state: 'hidden' })
  expect(console.complaints).toEqual([])
})

test('what is wrong with a job is said in the language of the page, beside the field and below', slowly, async (context) => {
  if (whyNoBrowser !== undefined) return context.skip(whyNoBrowser)
  await using console = await openConsole({ locale: 'zh-CN' })
  const { page } = console
  await page.goto('/jobs/new')
  await page.getByRole('radio', { name: 'WebDAV' }).click()
  await page.getByRole('button', { name: '保存', exact: true }).first().click()
  const list = page.getByRole('alert').filter({ has: page.locator('li') })
  await list.getByText('不能为空').waitFor()
  await list.getByText('请至少选择一项').waitFor()
  await list.getByText('地址以 https:// 或 http:// 开头').waitFor()
  const words = (await list.innerText()).replaceAll(/https?:\/\//g, '').replaceAll('WebDAV', '')
  expect(words).not.toMatch(/[a-z]{2,}/)
  expect(await violationsOf(page)).toEqual([])
  expect(console.complaints).toEqual([])
})
