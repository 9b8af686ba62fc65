import { expect, test } from 'vitest'
import { jobWithBackups } from '../support/job-with-backups.ts'
import { violationsOf, whyNoBrowser } from '../support/web-browser.ts'

test(
  'what jobs keep that have no rules of their own is set for all of them, and shown before what it lets go',
  { timeout: 300_000 },
  async (context) => {
    if (whyNoBrowser !== undefined) return context.skip(whyNoBrowser)
    await using sample = await jobWithBackups(3)
    const { page, client } = sample
    await client.jobs.create({
      body: { name: 'Apart', source: sample.job.source, target: sample.job.target, retention: { mode: 'custom', keep_last: 9 } },
    })
    await page.goto('/settings')
    await page.getByText('One job follows these rules').waitFor()
    await page.getByRole('switch', { name: 'Delete what no rule keeps' }).click()
    await page.getByText('retention needs a rule that says what to keep').waitFor()
    const save = page.getByRole('button', { name: 'Save' })
    expect(await save.isDisabled()).toBe(true)
    await page.getByLabel('Newest', { exact: true }).fill('2')
    await page.getByText('2 stay, 1 goes').waitFor()
    await page.getByLabel('Days to remember runs').fill('90')
    await page.keyboard.press('Tab')
    expect(await violationsOf(page)).toEqual([])
    await save.click()
    await page.getByText('The settings hold from now on').first().waitFor()
    expect(await client.settings.get()).toMatchObject({ default_retention: { enabled: true, keep_last: 2 }, run_history_days: 90, runs_per_node: 2 })
    expect(await save.isDisabled()).toBe(true)
    expect(sample.complaints).toEqual([])
  },
)
