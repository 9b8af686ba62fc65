import { execFile } from 'node:child_process'
import { readFile, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { promisify } from 'node:util'
import { expect, test } from 'vitest'
import { jobWithBackups } from '../support/job-with-backups.ts'
import { violationsOf, whyNoBrowser } from '../support/web-browser.ts'
import { hostileName } from '../support/web-sample.ts'

/** Each is a journey of many steps, and the machine may be busy. */
const patiently = { timeout: 300_000 }

test(
  'some files are chosen in the tree and by a pattern, planned, restored beside what is in the way, and compared with the source',
  patiently,
  async (context) => {
    if (whyNoBrowser !== undefined) return context.skip(whyNoBrowser)
    await using sample = await jobWithBackups(0)
    const { page, client, source, hub, backUp } = sample
    await writeFile(path.join(source, hostileName), 'harmless')
    await writeFile(path.join(source, 'a[1]*.txt'), 'stars and brackets')
    await writeFile(path.join(source, 'a1b.txt'), 'not this one')
    const runId = await backUp()
    await page.goto(`/runs/${runId}/files?path=${encodeURIComponent(source.slice(1))}`)
    await page.getByRole('link', { name: 'Restore …' }).click()
    await page.waitForURL('**/restore?path=**')
    // The folder one came from is chosen; another choice takes its place.
    await page.getByRole('button', { name: `Remove ${source.slice(1)}` }).click()
    await page.getByText('Choose something first.').waitFor()
    await page
      .getByRole('button', { name: path.basename(source) })
      .last()
      .click()
    await page.getByRole('checkbox', { name: 'Choose a[1]*.txt' }).click()
    await page.getByLabel('By name: a part of it').fill('OnError')
    await page.getByRole('list', { name: 'Files of the backup' }).getByText(`${source}/${hostileName}`).waitFor()
    await page.getByRole('button', { name: 'Take all that match' }).click()
    await page.getByRole('list', { name: 'Chosen' }).getByText('OnError').waitFor()
    await page.getByRole('radio', { name: 'This browser' }).click()
    const downloading = page.waitForEvent('download')
    await page.getByRole('link', { name: 'Download' }).click()
    const { stdout: names } = await promisify(execFile)('tar', ['-tf', await (await downloading).path()])
    expect(names).toContain('a[1]')
    expect(names).toContain('onerror')
    expect(names).not.toContain('a1b')

    const destination = path.join(hub.folder, 'data', 'restore', 'here')
    await page.getByRole('radio', { name: 'A folder', exact: true }).click()
    await page.getByRole('textbox', { name: 'Folder' }).fill('/not/allowed')
    await page.getByRole('alert').getByText('Not allowed').waitFor()
    await page.getByRole('textbox', { name: 'Folder' }).fill(destination)
    await page.getByText('2 files, ').waitFor()
    expect(await violationsOf(page)).toEqual([])
    const start = page.getByRole('button', { name: 'Restore', exact: true })
    await start.click()
    await page.waitForURL('**/operations/*')
    await page.getByText(`Restored to ${destination}`).waitFor()
    const restored = (name: string) => readFile(path.join(destination, source, name), 'utf8')
    expect([await restored('a[1]*.txt'), await restored(hostileName)]).toEqual(['stars and brackets', 'harmless'])
    await expect(restored('a1b.txt')).rejects.toThrow('ENOENT')

    // Again to the same place: everything is in the way, which is told before anything is done.
    await writeFile(path.join(destination, source, 'a[1]*.txt'), 'somebody needs this')
    await page.goto(`/runs/${runId}/restore`)
    await page.getByRole('radio', { name: 'A folder', exact: true }).click()
    await page.getByRole('textbox', { name: 'Folder' }).fill(destination)
    await page.getByText('Something is in the way: choose what becomes of it.').waitFor()
    expect(await start.isDisabled()).toBe(true)
    await page.getByRole('radio', { name: 'Put it beside' }).click()
    await page.getByRole('table', { name: 'In the way' }).getByText('the restored one gets another name').first().waitFor()
    await start.click()
    await page.waitForURL('**/operations/*')
    await page.getByText('Put beside', { exact: true }).first().waitFor()
    expect([await restored('a[1]*.txt'), await restored('a1b.txt')]).toEqual(['somebody needs this', 'not this one'])
    expect((await client.operations.list({ query: { run_id: runId } })).items.map(({ status }) => status)).toEqual(['success', 'success'])
    expect(sample.complaints).toEqual([])
  },
)

test(
  'a drill begun at a run is watched, and its proof stands at the job and on the first page; a damaged backup is named',
  patiently,
  async (context) => {
    if (whyNoBrowser !== undefined) return context.skip(whyNoBrowser)
    await using sample = await jobWithBackups(1)
    const { page, client, job, runIds, target } = sample
    await page.goto('/')
    await page.getByText('0 of one job is proven restorable').waitFor()
    await page.goto(`/runs/${runIds[0]!}`)
    const prove = page.getByRole('button', { name: 'Prove' })
    const drill = page.getByRole('menuitem', { name: 'Drill: bring it back' })
    await prove.focus()
    // The second time the menu is there already.
    for (let time = 0; time < 2; time += 1) {
      await page.keyboard.press('Enter')
      await drill.waitFor()
      await page.keyboard.press('Escape')
      await drill.waitFor({ state: 'detached' })
      await expect.poll(() => prove.evaluate((button) => button.matches(':focus'))).toBe(true)
    }
    await prove.click()
    await drill.click()
    await page.waitForURL('**/operations/*')
    await page.getByText('Proven: everything came back as it was').waitFor()
    await page.goto('/')
    await page.getByText('1 of one job is proven restorable').waitFor()

    await page.goto(`/jobs/${job.id}?tab=proof`)
    await page.getByText('Bringing it back took').waitFor()
    await page.getByLabel('When').click()
    await page.getByRole('option', { name: 'Sundays at 5:00' }).click()
    await page.getByRole('button', { name: 'Save' }).click()
    await page.getByText('The drill schedule is saved').first().waitFor()
    expect((await client.jobs.get({ params: { id: job.id } })).drill_schedule).toBe('0 5 * * 0')

    const { items } = await client.operations.list({ query: { job_id: job.id } })
    expect(items).toMatchObject([{ kind: 'drill', status: 'success' }])
    const part = path.join(target, job.id, runIds[0]!, 'payload.part000001')
    const bytes = await readFile(part)
    bytes[Math.floor(bytes.length / 2)]! ^= 1
    await writeFile(part, bytes)
    await page.getByRole('button', { name: 'Drill now' }).click()
    await page.waitForURL('**/operations/*')
    await page.getByRole('heading', { name: 'Damaged', exact: false }).waitFor()
    await page.getByText('Not proven').waitFor()
    await page.getByText('payload').first().waitFor()
    await page.goto('/')
    await page.getByText('The last drill of Letters failed').waitFor()
    expect(sample.complaints).toEqual([])
  },
)
