import { randomBytes } from 'node:crypto'
import { writeFile } from 'node:fs/promises'
import path from 'node:path'
import { expect, test } from 'vitest'
import { startHttpHub } from '../support/http-hub.ts'
import { btrfs, loopFilesystem, subvolumesOf, whyNoLoop } from '../support/loop-filesystem.ts'
import { apacheWebdav } from '../support/servers/apache-webdav.ts'
import { admin, openChromium, watchedContext, webDirectory, whyNoBrowser } from '../support/web-browser.ts'

const why = whyNoBrowser ?? (await whyNoLoop('btrfs'))

test('from a new Hub to a first backup: a Btrfs subvolume, frozen, on a WebDAV server with a password, watched to its end', async (context) => {
  if (why !== undefined) return context.skip(why)
  await using disk = await loopFilesystem('btrfs')
  const source = path.join(disk.path, 'documents')
  await btrfs('subvolume', 'create', source)
  await writeFile(path.join(source, 'ledger.bin'), randomBytes(3_000_000))
  await using server = await apacheWebdav({ account: { username: 'ada', password: 'from the vault' } })
  await using hub = await startHttpHub({ webDirectory, sourceRoots: [disk.path] })
  await using closing = new AsyncDisposableStack()
  const browser = await openChromium()
  closing.defer(() => browser.close())
  await using watched = await watchedContext(browser, hub)
  const page = await watched.context.newPage()

  await page.goto('/')
  await page.waitForURL('**/set-up')
  await page.getByLabel('User name').fill(admin.username)
  await page.getByLabel('Password', { exact: true }).fill(admin.password)
  await page.getByLabel('Password, again').fill(admin.password)
  await page.keyboard.press('Enter')
  await page.waitForURL('**/first-backup')

  await page.getByLabel('A path to add').fill(source)
  await page.keyboard.press('Enter')
  await page.getByRole('button', { name: 'Next' }).click()
  await page.getByRole('radio', { name: 'WebDAV' }).click()
  await page.getByLabel('Address').fill(`${server.url}/backups`)
  await page.getByLabel('User name').fill('ada')
  await page.getByRole('button', { name: 'New secret' }).click()
  const dialog = page.getByRole('dialog', { name: 'New secret' })
  await dialog.getByLabel('Name').fill('dav')
  await dialog.getByLabel('Password').fill('from the vault')
  await dialog.getByRole('button', { name: 'Save' }).click()
  await dialog.waitFor({ state: 'detached' })
  await page.getByRole('button', { name: 'Check the target' }).click()
  await page.getByText(/keeps all \d+ promises/).waitFor()
  await page.getByRole('button', { name: 'Next' }).click()
  await page.getByRole('button', { name: 'Start the first backup' }).click()
  await page.waitForURL(/\/runs\/[0-9a-f-]+$/)
  await page.locator('header').getByText('Success').waitFor()
  // Grade, provider and coverage say that it was frozen; nothing is left of the snapshot.
  await page.locator('header').getByText('Snapshot', { exact: true }).waitFor()
  await page.getByText('Btrfs subvolume snapshot').first().waitFor()
  expect(await subvolumesOf(disk)).toEqual(['documents'])

  await page.getByRole('link', { name: 'Overview' }).click()
  await page.getByText('1 of one job has a good newest backup').waitFor()
  expect(watched.complaints).toEqual([])
})
