import { mkdir, writeFile } from 'node:fs/promises'
import path from 'node:path'
import type { Page } from 'playwright-core'
import { expect, test } from 'vitest'
import { databaseName, openStore } from '../../src/hub/store/store.ts'
import { admin, openConsole, violationsOf, whyNoBrowser } from '../support/web-browser.ts'
import { ended } from '../support/web-sample.ts'

/** As much of an element as is asked here; these tests know no types of a browser. */
interface Focused {
  getAttribute(name: string): string | null
  labels?: { textContent: string | null }[]
  textContent: string | null
}

/** Presses Tab until what is focused has this name, as somebody without a mouse does. */
async function tabTo(page: Page, name: string): Promise<void> {
  for (let press = 0; press < 120; press += 1) {
    await page.keyboard.press('Tab')
    const focused = page.locator(':focus')
    const found = await focused.evaluateAll((elements) => {
      const [element] = elements as unknown as Focused[]
      return (element?.getAttribute('aria-label') ?? element?.labels?.[0]?.textContent ?? element?.textContent ?? '').trim()
    })
    if (found === name) return
  }
  throw new Error(`no Tab leads to ${name}`)
}

test('a job is made and run by the keyboard alone, and its run is watched to its end', async (context) => {
  if (whyNoBrowser !== undefined) return context.skip(whyNoBrowser)
  await using console = await openConsole()
  const { page, client, hub } = console
  const source = path.join(hub.folder, 'documents')
  await mkdir(source)
  await writeFile(path.join(source, 'letter.txt'), 'dear all')

  await page.goto('/')
  await page.getByText('Nothing is backed up yet').waitFor()
  await page.keyboard.press('Control+k')
  await page.getByPlaceholder('Search or jump to').waitFor()
  expect(await violationsOf(page)).toEqual([])
  await page.keyboard.type('Jobs')
  await page.keyboard.press('Enter')
  await page.waitForURL('**/jobs')
  await tabTo(page, 'New job')
  await page.keyboard.press('Enter')
  await page.waitForURL('**/jobs/new')
  await page.locator('#part-target').waitFor()
  await tabTo(page, 'Name')
  await page.keyboard.type('Letters')
  await tabTo(page, 'A path to add')
  await page.keyboard.type(source)
  await page.keyboard.press('Enter')
  // The kinds of target are one stop of this name, the field is the next.
  await tabTo(page, 'Folder')
  await tabTo(page, 'Folder')
  await page.keyboard.type(path.join(hub.folder, 'backups'))
  await page.keyboard.press('Escape')
  await page.locator('a', { hasText: 'Skip to content' }).focus()
  await page.keyboard.press('Enter')
  await tabTo(page, 'Save and run')
  await page.keyboard.press('Enter')
  await page.waitForURL(/\/runs\/[0-9a-f-]+$/)
  await page.locator('header').getByText('Success').waitFor({ timeout: 90_000 })
  await page.getByText('1 files stored').waitFor()

  const { items } = await client.jobs.list()
  expect(items).toMatchObject([{ name: 'Letters', source: { paths: [source] } }])
  expect(console.complaints).toEqual([])
})

test('a session that ends in the middle of an edit loses nothing: one signs in over the page, and the save goes on', async (context) => {
  if (whyNoBrowser !== undefined) return context.skip(whyNoBrowser)
  await using console = await openConsole()
  const { page, client, api, hub } = console
  const job = await client.jobs.create({
    body: { name: 'before', source: { type: 'filesystem', paths: [hub.folder] }, target: { type: 'local_dir', path: `${hub.folder}/backups` } },
  })
  await page.goto(`/jobs/${job.id}/edit`)
  await page.getByLabel('Name', { exact: true }).fill('after')
  await page.getByLabel('Leave out').fill('*.tmp\n*.log')
  await page.getByLabel('Leave out').blur()

  // As when it expires: nobody is told.
  {
    await using store = await openStore({ file: path.join(hub.folder, 'data', databaseName), clock: { now: () => Date.now() } })
    await store.sessions.removeExpired(Infinity)
  }
  await page.getByRole('button', { name: 'Save', exact: true }).first().click()
  const dialog = page.getByRole('dialog', { name: 'Sign in again' })
  await dialog.waitFor()
  expect(await violationsOf(page)).toEqual([])
  expect(await page.getByLabel('Name', { exact: true }).inputValue()).toBe('after')
  await dialog.getByLabel('Password').fill(admin.password)
  await page.keyboard.press('Enter')
  await page.waitForURL(`**/jobs/${job.id}`)

  api.cookie = (await console.context.cookies()).map(({ name, value }) => `${name}=${value}`).join('; ')
  expect(await client.jobs.get({ params: { id: job.id } })).toMatchObject({ name: 'after', source: { exclude: ['*.tmp', '*.log'] } })
  expect(console.complaints).toEqual([])
})

test('a session that is ended elsewhere in the middle of an edit asks for the password at once, and loses nothing', async (context) => {
  if (whyNoBrowser !== undefined) return context.skip(whyNoBrowser)
  await using console = await openConsole()
  const { page, client, hub } = console
  const job = await client.jobs.create({
    body: { name: 'before', source: { type: 'filesystem', paths: [hub.folder] }, target: { type: 'local_dir', path: `${hub.folder}/backups` } },
  })
  await page.goto(`/jobs/${job.id}/edit`)
  await page.getByLabel('Name', { exact: true }).fill('after')

  await client.auth.logout()
  const dialog = page.getByRole('dialog', { name: 'Sign in again' })
  await dialog.getByLabel('Password').fill(admin.password)
  await page.keyboard.press('Enter')
  await dialog.waitFor({ state: 'hidden' })
  await page.getByRole('button', { name: 'Save', exact: true }).first().click()
  await page.waitForURL(`**/jobs/${job.id}`)
  await page.getByRole('heading', { name: 'after' }).waitFor()
  expect(console.complaints).toEqual([])
})

test('the first page is at most 250 KB of JavaScript, all that is loaded while it is looked at', async (context) => {
  if (whyNoBrowser !== undefined) return context.skip(whyNoBrowser)
  await using console = await openConsole()
  const sizes: Promise<number>[] = []
  console.context.on('response', (response) => {
    if (response.url().endsWith('.js'))
      sizes.push(
        response
          .request()
          .sizes()
          .then(({ responseBodySize }) => responseBodySize),
      )
  })
  await console.page.goto('/')
  await console.page.getByText('Nothing is backed up yet').waitFor()
  const total = (await Promise.all(sizes)).reduce((sum, size) => sum + size, 0)
  expect(sizes.length).toBeGreaterThan(2)
  expect(total).toBeGreaterThan(100_000)
  expect(total).toBeLessThan(250_000)
})

test('a draft is there again after a reload, until it is thrown away', async (context) => {
  if (whyNoBrowser !== undefined) return context.skip(whyNoBrowser)
  await using console = await openConsole({ withNode: false })
  const { page } = console
  await page.goto('/jobs/new')
  await page.getByLabel('Name', { exact: true }).fill('half a job')
  await page.reload()
  await page.getByText('This is your draft from before.').waitFor()
  expect(await page.getByLabel('Name', { exact: true }).inputValue()).toBe('half a job')
  await page.getByRole('button', { name: 'Start again' }).click()
  expect(await page.getByLabel('Name', { exact: true }).inputValue()).toBe('')
  await page.reload()
  await page.getByLabel('Name', { exact: true }).waitFor()
  expect(await page.getByLabel('Name', { exact: true }).inputValue()).toBe('')
})

test('from nothing to a backup in three steps, the target checked on the way', async (context) => {
  if (whyNoBrowser !== undefined) return context.skip(whyNoBrowser)
  await using console = await openConsole()
  const { page, client, hub } = console
  await mkdir(path.join(hub.folder, 'photos'))
  await writeFile(path.join(hub.folder, 'photos', 'summer.jpg'), 'x'.repeat(5000))
  await page.goto('/first-backup')
  await page.getByRole('button', { name: 'Browse' }).click()
  await page.getByRole('button', { name: hub.folder, exact: true }).click()
  await page.getByRole('button', { name: 'Choose photos' }).click()
  await page.getByText('chosen').waitFor()
  expect(await violationsOf(page)).toEqual([])
  await page.keyboard.press('Escape')
  await page.getByRole('button', { name: 'Next' }).click()
  await page.getByLabel('Folder', { exact: true }).last().fill(path.join(hub.folder, 'backups'))
  await page.getByRole('button', { name: 'Check the target' }).click()
  await page.getByText(/keeps all \d+ promises/).waitFor({ timeout: 60_000 })
  expect(await violationsOf(page)).toEqual([])
  await page.getByRole('button', { name: 'Next' }).click()
  await page.getByRole('button', { name: 'Start the first backup' }).click()
  await page.waitForURL(/\/runs\/[0-9a-f-]+$/)
  const run = await ended(client, page.url().split('/').at(-1)!)
  expect(run.outcome).toBe('success')
  await page.getByRole('link', { name: 'Browse files' }).click()
  await page.waitForURL('**/files')
  expect(console.complaints).toEqual([])
})
