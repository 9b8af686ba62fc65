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
