import { spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { mkdir, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { expect, test } from 'vitest'
import { openConsole, violationsOf, whyNoBrowser } from '../support/web-browser.ts'
import { addEvents, addPastRuns } from '../support/web-past.ts'
import { ended, hostileName } from '../support/web-sample.ts'

/** Large enough that it is written to while it is read, each time it is read. */
const sizeBytes = 24 * 1024 * 1024

test('files change while they are read, and the warning tag appears in the list that is open, with the event behind it', async (context) => {
  if (whyNoBrowser !== undefined) return context.skip(whyNoBrowser)
  await using console = await openConsole()
  const { page, client, hub } = console
  const source = path.join(hub.folder, 'busy')
  await mkdir(source)
  const file = path.join(source, 'ledger.db')
  await writeFile(file, randomBytes(sizeBytes))
  const writer = spawn(process.execPath, [path.join(import.meta.dirname, '../support/busy-writer.ts'), 'ends', file, String(sizeBytes)], {
    stdio: ['ignore', 'pipe', 'ignore'],
  })
  try {
    await new Promise((resolve) => writer.stdout.once('data', resolve))
    const job = await client.jobs.create({
      body: {
        name: 'Busy',
        source: { type: 'filesystem', paths: [source], snapshot_mode: 'off' },
        target: { type: 'local_dir', path: path.join(hub.folder, 'backups') },
      },
    })
    await page.goto(`/jobs/${job.id}?tab=runs`)
    await page.getByText('Nothing has run yet').waitFor()
    // Nothing is clicked and nothing is loaded again: the list hears of it.
    // Whether a write falls into the moment the file is read is up to the machine: it is run until one does.
    const runOnce = async () => ended(client, (await client.jobs.run({ params: { id: job.id } })).run_id)
    let run = await runOnce()
    while (run.consistency_changed_total === 0) run = await runOnce()
    const tag = page.locator('[data-warning-tag]')
    await tag.waitFor({ timeout: 90_000 })
    expect(await tag.textContent()).toContain(`${run.consistency_changed_total} changed`)

    await page.locator('tbody').getByText('Warning').click()
    await page.waitForURL(`**/runs/${run.id}`)
    await page.getByRole('table', { name: 'Files that changed' }).getByText('ledger.db').waitFor()
    await page.getByRole('button', { name: 'Show the event' }).click()
    await page.getByText('"changed_total"').waitFor()
    expect(await violationsOf(page)).toEqual([])
    expect(console.complaints).toEqual([])
  } finally {
    writer.kill('SIGKILL')
  }
})

test('a name of a file is text wherever it shows, and its download has its bytes', async (context) => {
  if (whyNoBrowser !== undefined) return context.skip(whyNoBrowser)
  await using console = await openConsole()
  const { page, runId, source } = await aStoredRun(console)
  await page.goto(`/runs/${runId}/files?path=${encodeURIComponent(source.slice(1))}`)
  await page.getByText(hostileName, { exact: true }).waitFor()
  expect(await page.locator('img[src="x"]').count()).toBe(0)
  const downloading = page.waitForEvent('download')
  await page.getByRole('link', { name: `Download ${hostileName}` }).click()
  const chunks: Buffer[] = []
  for await (const chunk of await (await downloading).createReadStream()) chunks.push(chunk as Buffer)
  expect(Buffer.concat(chunks).toString()).toBe('harmless')
  expect(console.complaints).toEqual([])
})

test('a run with fifty thousand events opens, draws few of them, scrolls to any, and finds the one that matters', async (context) => {
  if (whyNoBrowser !== undefined) return context.skip(whyNoBrowser)
  await using console = await openConsole()
  const { page, runId, jobName } = await aStoredRun(console)
  const after = (await console.client.runs.events({ params: { id: runId } })).items.length
  addEvents(console.hub.folder, runId, { after, upTo: 50_000, needle: 'a needle among them' })

  await page.goto(`/runs/${runId}`)
  await page.getByRole('heading', { name: jobName }).waitFor()
  await page.getByText('50,000', { exact: true }).waitFor()
  const list = page.getByRole('region', { name: 'Events' })
  const lines = list.locator('li')
  expect(await lines.count()).toBeLessThan(100)
  await list.focus()
  await page.keyboard.press('End')
  await list.getByText('part 50000', { exact: true }).waitFor()
  expect(await lines.count()).toBeLessThan(100)
  await page.getByLabel('Search the events').fill('needle')
  await list.getByText('a needle among them').waitFor()
  expect(await lines.count()).toBe(1)
  expect(console.complaints).toEqual([])
})

test('thousands of runs are read page by page while one scrolls, and only those that are seen are drawn', async (context) => {
  if (whyNoBrowser !== undefined) return context.skip(whyNoBrowser)
  await using console = await openConsole({ withNode: false })
  const { page, client, hub } = console
  const job = await client.jobs.create({
    body: { name: 'Letters', source: { type: 'filesystem', paths: [hub.folder] }, target: { type: 'local_dir', path: `${hub.folder}/backups` } },
  })
  const total = 3000
  addPastRuns(hub.folder, job.id, `f${'s'.repeat(total - 1)}`)
  await page.goto('/runs')
  const rows = page.locator('tbody tr:not([aria-hidden])')
  await rows.first().waitFor()
  // The oldest one is the only that failed.
  const oldest = rows.getByText('Failed')
  const content = page.locator('#content')
  await expect
    .poll(
      async () => {
        await content.evaluate((element: { scrollTop: number; scrollHeight: number }) => (element.scrollTop = element.scrollHeight))
        expect(await rows.count()).toBeLessThan(120)
        return oldest.isVisible()
      },
      { timeout: 300_000, interval: 100 },
    )
    .toBe(true)
  expect(await page.locator('table').getAttribute('aria-rowcount')).toBe(String(total + 1))
  expect(console.complaints).toEqual([])
})

test('runs are filtered by what is chosen and by what is typed, and the address holds what was chosen', async (context) => {
  if (whyNoBrowser !== undefined) return context.skip(whyNoBrowser)
  await using console = await openConsole({ withNode: false })
  const { page, client, hub } = console
  for (const name of ['Letters', 'Ledgers']) {
    const job = await client.jobs.create({
      body: { name, source: { type: 'filesystem', paths: [hub.folder] }, target: { type: 'local_dir', path: `${hub.folder}/backups` } },
    })
    addPastRuns(hub.folder, job.id, 'ssf')
  }
  await page.goto('/runs')
  const rows = page.locator('tbody tr:not([aria-hidden])')
  await expect.poll(() => rows.count()).toBe(6)
  const [job, state] = ['Job', 'State'].map((name) => page.getByRole('combobox', { name }))
  await job!.selectOption('Ledgers')
  await expect.poll(() => rows.count()).toBe(3)
  expect(page.url()).toContain('job=')

  await state!.focus()
  await page.keyboard.type('Fai')
  await expect.poll(() => rows.count()).toBe(1)
  const filtered = page.url()

  // As somebody finds it who follows the link: both say what they filter by.
  await page.goto('about:blank')
  await page.goto(filtered)
  await expect.poll(() => rows.count()).toBe(1)
  expect(await state!.locator('option:checked').textContent()).toBe('Failed')
  expect(await job!.locator('option:checked').textContent()).toBe('Ledgers')
  expect(console.complaints).toEqual([])
})

/** A job with one backup, among it a file with a name nobody should trust. */
async function aStoredRun({ page, client, hub }: Awaited<ReturnType<typeof openConsole>>) {
  const source = path.join(hub.folder, 'srv')
  await mkdir(source)
  await writeFile(path.join(source, hostileName), 'harmless')
  const jobName = 'Letters'
  const job = await client.jobs.create({
    body: { name: jobName, source: { type: 'filesystem', paths: [source] }, target: { type: 'local_dir', path: path.join(hub.folder, 'backups') } },
  })
  const { run_id: runId } = await client.jobs.run({ params: { id: job.id } })
  await ended(client, runId)
  return { page, runId, jobName, source }
}
