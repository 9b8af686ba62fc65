import { mkdir, readFile, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { expect, test } from 'vitest'
import { admin } from '../support/http-hub.ts'
import { openConsole, violationsOf, whyNoBrowser } from '../support/web-browser.ts'
import { ended } from '../support/web-sample.ts'

test(
  'an encrypted job asks for its recovery sheet before it runs: shown for the password, printed without the rest of the page, and then it runs',
  { timeout: 120_000 },
  async (context) => {
    if (whyNoBrowser !== undefined) return context.skip(whyNoBrowser)
    await using console = await openConsole()
    const { page, client, hub } = console
    const source = path.join(hub.folder, 'letters')
    await mkdir(source)
    await writeFile(path.join(source, 'a.txt'), 'dear Ada')
    const target = path.join(hub.folder, 'backups')

    await page.goto('/jobs/new')
    await page.getByLabel('Name', { exact: true }).fill('Letters')
    await page.getByLabel('A path to add').fill(source)
    await page.keyboard.press('Enter')
    await page.getByRole('textbox', { name: 'Folder' }).fill(target)
    await page.getByRole('switch', { name: 'Encrypt the backups' }).click()
    await page.locator('#part-security').getByText('This key is made when the job is saved.').waitFor()
    await page.getByRole('button', { name: 'Save and run' }).first().click()
    // It is saved and says what is missing, at the address of the job.
    await page.waitForURL(/\/jobs\/[0-9a-f-]{36}$/)
    const jobId = page.url().split('/').at(-1)!
    await page.getByText('The key is kept by this Hub alone').first().waitFor()
    await page.getByText('The key default is on this Hub alone.').waitFor()
    expect((await client.jobs.list()).items).toHaveLength(1)
    expect((await client.jobs.runs({ params: { id: jobId } })).items).toEqual([])

    await page.getByRole('link', { name: 'Recovery sheet' }).click()
    await page.waitForURL('**/keys/default/sheet')
    // Without the toast, which hides something focusable by design.
    await page.reload()
    await page.getByLabel('Your password').fill('wrong')
    await page.keyboard.press('Enter')
    await page.getByText('Sign-in failed').waitFor()
    await page.getByLabel('Your password').fill(admin.password)
    await page.keyboard.press('Enter')
    const identity = (await page.getByText(/^AGE-SECRET-KEY-1[A-Z0-9]{58}$/).innerText()).trim()
    await page.getByText(`bastion restore ${target}/${jobId}@latest --to DIR --identity key.txt`).waitFor()
    expect(await violationsOf(page)).toEqual([])
    const [download] = await Promise.all([page.waitForEvent('download'), page.getByRole('button', { name: 'Download as a text file' }).click()])
    expect(download.suggestedFilename()).toBe('bastion-key-default.txt')
    expect(await readFile(await download.path(), 'utf8')).toContain(identity)
    await page.emulateMedia({ media: 'print' })
    expect(await page.getByRole('navigation').filter({ visible: true }).count()).toBe(0)
    expect(await page.getByRole('button').filter({ visible: true }).count()).toBe(0)
    expect(await page.getByText(identity).isVisible()).toBe(true)
    await page.emulateMedia({ media: 'screen' })

    await page.goto(`/jobs/${jobId}`)
    await page.getByRole('button', { name: 'Run now', exact: true }).first().click()
    await page.getByRole('button', { name: 'Watch' }).click()
    await page.waitForURL(/\/runs\/[0-9a-f-]+$/)
    expect(await ended(client, page.url().split('/').at(-1)!)).toMatchObject({ status: 'success' })
    expect(await page.getByText('on this Hub alone').count()).toBe(0)
    expect(console.complaints).toEqual([])
  },
)
