import { readFileSync } from 'node:fs'
import { loadavg } from 'node:os'
import path from 'node:path'
import { gzipSync } from 'node:zlib'
import { fillLongLists, manyNames } from '../support/long-lists.ts'
import { type Frames, msFromClick, msToOpen } from '../support/page-clock.ts'
import type { ProofReport } from '../support/proof-report.ts'
import type { Scale } from '../support/scale.ts'
import { type LongList, scrollList, wheelStepPx } from '../support/scroll-list.ts'
import { giveSession, openConsole, watchedContext, webDirectory, whyNoBrowser } from '../support/web-browser.ts'
import { ended } from '../support/web-sample.ts'

export const title = 'The pages are there at once, and lists of a hundred thousand rows scroll as short ones do'

type Console = Awaited<ReturnType<typeof openConsole>>

const sizes = {
  short: { rows: 400, events: 1500, longEvents: 2500, rounds: 1, wheelMs: 200 },
  full: { rows: 100_000, events: 50_000, longEvents: 100_000, rounds: 9, wheelMs: 5000 },
} as const satisfies Record<Scale, unknown>
const bounds = {
  scriptBytes: 250_000,
  interactiveMs: 1000,
  runMs: 300,
  /** what 95 of 100 frames take at most: every second one of a screen is drawn */
  frameMs: 34,
  drawnRows: 150,
  heapBytes: 300 * 2 ** 20,
}

export async function prove(report: ProofReport, scale: Scale): Promise<void> {
  if (whyNoBrowser !== undefined) return report.line(`Not shown here: ${whyNoBrowser}.`)
  const size = sizes[scale]
  let runIds: string[] = []
  await using console = await openConsole({
    prepare: async (dataDirectory) =>
      void ({ runIds } = await fillLongLists(dataDirectory, { rows: size.rows, events: [size.events, size.longEvents] })),
  })
  report.line(
    `Chromium ${console.browser.version()}, headless and without a graphics processor, on loopback; 1440 × 900 pixels; the load of the machine before: ${loadavg()[0]!.toFixed(1)}. A Hub with 100 jobs, ${count(size.rows)} runs and as many backups.`,
  )
  const [runId, longRunId] = runIds as [string, string]
  await checkScripts(report, console)
  await checkOpening(report, scale, console, runId)
  await checkRunWithEvents(report, scale, console, runId)
  await checkLists(report, scale, console, longRunId)
  report.check(
    'no page asked another origin, broke its security policy or threw',
    console.complaints.length === 0,
    console.complaints.join('; ') || undefined,
  )
  report.check('the Hub logged no error', console.hub.errors.length === 0, console.hub.errors.map(String).join('; ') || undefined)
}

/** All that a page has asked for, with what came by and by: nothing of it is left out because it was named late. */
async function checkScripts(report: ProofReport, console: Console): Promise<void> {
  const rows = []
  for (const { name, address, control, isPublic } of firstPages) {
    await using watched = await watchedContext(console.browser, console.hub)
    if (!isPublic) await giveSession(watched.context, console.hub, console.api)
    const page = await watched.context.newPage()
    const asked = new Set<string>()
    watched.context.on('request', (request) => asked.add(new URL(request.url()).pathname))
    await page.goto(address)
    await page.locator(control).first().waitFor()
    await page.waitForTimeout(settleMs)
    const scripts = [...asked].filter((file) => file.endsWith('.js'))
    const bytesOf = (file: string) => gzipSync(readFileSync(path.join(webDirectory, file)), { level: 9 }).length
    rows.push({ name, files: scripts.length, bytes: scripts.reduce((sum, file) => sum + bytesOf(file), 0) })
  }
  report.table(
    ['first page', 'scripts', 'with gzip, KB'],
    rows.map(({ name, files, bytes }) => [name, files, kilobytes(bytes)]),
  )
  const most = Math.max(...rows.map(({ bytes }) => bytes))
  report.check(
    `the first page, be it that to sign in or the overview, loads at most ${bounds.scriptBytes / 1000} KB of JavaScript, compressed with gzip`,
    most > 0 && most <= bounds.scriptBytes,
    `${kilobytes(most)} KB`,
  )
}

/** after which a page asks for nothing more by itself */
const settleMs = 1000

const firstPages = [
  { name: 'sign-in', address: '/sign-in', control: 'input[autocomplete=username]', isPublic: true },
  { name: 'overview', address: '/', control: 'main a[href^="/jobs/0"]', isPublic: false },
]

/** From nothing in the browser's cache until its main control may be used. */
async function checkOpening(report: ProofReport, scale: Scale, console: Console, runId: string): Promise<void> {
  const { items: jobs } = await console.client.jobs.list({ query: { limit: 1 } })
  const pages = [
    ...firstPages,
    { name: 'jobs', address: '/jobs', control: 'tbody a[href^="/jobs/0"]', isPublic: false },
    { name: 'a job', address: `/jobs/${jobs[0]!.id}`, control: 'main header button:not([disabled])', isPublic: false },
    { name: 'runs', address: '/runs', control: 'tbody a[href^="/runs/0"]', isPublic: false },
    { name: 'a run', address: `/runs/${runId}`, control: eventRows, isPublic: false },
  ]
  const rows = []
  for (const { name, address, control, isPublic } of pages) {
    const times = await rounds(scale, async () => {
      await using watched = await watchedContext(console.browser, console.hub)
      if (!isPublic) await giveSession(watched.context, console.hub, console.api)
      return await msToOpen(await watched.context.newPage(), address, control)
    })
    rows.push({ name, ...times })
  }
  report.table(
    ['opened with an empty cache, from its address until its main control may be used', 'best, ms', 'median, ms', 'longest, ms'],
    rows.map(({ name, best, median, longest }) => [name, Math.round(best), Math.round(median), Math.round(longest)]),
  )
  if (scale === 'short') return
  const slowest = Math.max(...rows.map(({ median }) => median))
  report.check(
    `every page may be used within ${bounds.interactiveMs} ms (median of ${sizes.full.rounds})`,
    slowest < bounds.interactiveMs,
    ms(slowest),
  )
}

const eventList = '[role=region][aria-label="Events"]'
const eventRows = `${eventList} li`

/** Clicked in the list, and by its address, by somebody who has been here before. */
async function checkRunWithEvents(report: ProofReport, scale: Scale, { context, page, client }: Console, runId: string): Promise<void> {
  const clicked = await rounds(scale, async () => {
    await page.goto('/runs')
    await page.locator(drawnRows).first().waitFor()
    const opened = msFromClick(page, eventRows)
    await page.locator(`tbody a[href="/runs/${runId}"]`).click()
    return opened
  })
  const opened = await rounds(scale, async () => {
    const another = await context.newPage()
    try {
      return await msToOpen(another, `/runs/${runId}`, eventRows)
    } finally {
      await another.close()
    }
  })
  report.table(
    [`a run with ${count(sizes[scale].events)} events, until its first events are drawn`, 'best, ms', 'median, ms', 'longest, ms'],
    [
      ['from the click on it in the list', ...Object.values(clicked).map(Math.round)],
      ['from its address, the scripts in the cache', ...Object.values(opened).map(Math.round)],
    ],
  )
  const last = (await client.runs.events({ params: { id: runId }, query: { after_seq: sizes[scale].events - 1 } })).items
  const list = page.locator(eventList)
  await page.getByText(count(sizes[scale].events), { exact: true }).first().waitFor()
  await list.focus()
  await page.keyboard.press('End')
  await list.getByText(last[0]!.message, { exact: true }).waitFor()
  report.check('the key End shows its last event', last.length === 1, last[0]!.message)
  if (scale === 'short') return
  report.check(`it opens within ${bounds.runMs} ms from the click (median)`, clicked.median < bounds.runMs, ms(clicked.median))
  report.check(`it opens within ${bounds.runMs} ms from its address (median)`, opened.median < bounds.runMs, ms(opened.median))
}

const drawnRows = 'tbody tr:not([aria-hidden])'

async function checkLists(report: ProofReport, scale: Scale, console: Console, longRunId: string): Promise<void> {
  const { rows: total, longEvents, wheelMs } = sizes[scale]
  const { source, runId } = await backupOfNames(console, total)
  const found = []
  for (const list of longLists(console.hub.folder, source, { total, runId, longEvents, longRunId })) {
    const page = await console.context.newPage()
    found.push({ name: list.name, ...(await scrollList(page, list, wheelMs)) })
    await page.close()
  }
  report.table(
    [
      'list',
      'down, while its pages come: frames, ms (median · 95th · longest)',
      'End: the last row after, s',
      'up, with all of it read: frames, ms',
      'rows drawn at most',
      'heap, MiB',
    ],
    found.map(({ name, down, endMs, up, mostRows, heapBytes }) => [
      name,
      shownFrames(down),
      Math.round(endMs / 100) / 10,
      shownFrames(up),
      mostRows,
      Math.round(heapBytes / 2 ** 20),
    ]),
  )
  report.line(
    `Each list has ${count(total)} rows (events: ${count(longEvents)}). The wheel is turned for ${wheelMs / 1000} s downwards from the first row and, after the key End, upwards from the last, ${wheelStepPx} pixels a notch and as fast as the page takes them. Frames are those of \`requestAnimationFrame\`; a screen of 60 Hz has one each 16.7 ms. The heap is that of the page's scripts with all rows in it, after a collection.`,
  )
  const mostRows = Math.max(...found.map((each) => each.mostRows))
  const heap = Math.max(...found.map((each) => each.heapBytes))
  report.check(`never more than ${bounds.drawnRows} rows are drawn`, mostRows > 0 && mostRows <= bounds.drawnRows, count(mostRows))
  report.check(
    `a page with such a list holds at most ${bounds.heapBytes / 2 ** 20} MiB`,
    heap <= bounds.heapBytes,
    `${Math.round(heap / 2 ** 20)} MiB`,
  )
  if (scale === 'short') return
  const frame = Math.max(...found.flatMap(({ down, up }) => [quantile(down.ms, 0.95), quantile(up.ms, 0.95)]))
  report.check(`95 of 100 frames come within ${bounds.frameMs} ms in every list`, frame <= bounds.frameMs, ms(frame))
}

function longLists(
  root: string,
  source: string,
  { total, runId, longEvents, longRunId }: { total: number; runId: string; longEvents: number; longRunId: string },
): LongList[] {
  const inTable = { rows: drawnRows, last: `tr[aria-rowindex="${total + 1}"]` }
  const inBox = { rows: 'li[aria-posinset]', last: `li[aria-posinset="${total}"]` }
  return [
    // One run more: the backup of the names.
    { name: 'runs', address: '/runs', rows: drawnRows, last: `tr[aria-rowindex="${total + 2}"]` },
    { name: 'backups', address: '/snapshots', rows: drawnRows, last: `tr[aria-rowindex="${total + 2}"]` },
    { name: 'files of a folder of a backup', address: `/runs/${runId}/files?path=${encodeURIComponent(source.slice(1))}`, ...inTable },
    {
      name: 'files to choose from, in the restore wizard',
      address: `/runs/${runId}/restore`,
      async reach(page) {
        await page.getByRole('radio', { name: 'Some of it' }).click()
        const tree = page.getByRole('list', { name: 'Files of the backup' })
        for (const name of source.slice(1).split('/')) await tree.getByRole('button', { name, exact: true }).click()
        await tree.getByText('letter-000001').waitFor()
      },
      ...inBox,
      box: '[role=group][aria-label="Files of the backup"]',
    },
    {
      name: 'names in a folder of the node, in the job editor',
      address: '/jobs/new',
      async reach(page) {
        await page.getByRole('button', { name: 'Browse' }).first().click()
        const dialog = page.getByRole('dialog')
        await dialog.getByRole('button', { name: root, exact: true }).click()
        await dialog.getByRole('button', { name: path.basename(source), exact: true }).click()
        await dialog.getByText('letter-000001').waitFor()
      },
      ...inBox,
      box: `[role=group][aria-label="${source}"]`,
    },
    {
      name: 'events of a run',
      address: `/runs/${longRunId}`,
      reach: (page) => page.getByText(count(longEvents), { exact: true }).first().waitFor(),
      rows: eventRows,
      last: `${eventRows}:has-text("part ${longEvents}")`,
      box: eventList,
    },
  ]
}

/** One folder with so many names, backed up. */
async function backupOfNames({ hub, client }: Console, total: number): Promise<{ source: string; runId: string }> {
  const source = path.join(hub.folder, 'letters')
  await manyNames(source, total)
  const job = await client.jobs.create({
    body: { name: 'Letters', source: { type: 'filesystem', paths: [source] }, target: { type: 'local_dir', path: path.join(hub.folder, 'backups') } },
  })
  const { run_id: runId } = await client.jobs.run({ params: { id: job.id } })
  await ended(client, runId)
  return { source, runId }
}

interface Times {
  best: number
  median: number
  longest: number
}

async function rounds(scale: Scale, once: () => Promise<number>): Promise<Times> {
  const times: number[] = []
  for (let round = 0; round < sizes[scale].rounds; round += 1) times.push(await once())
  times.sort((a, b) => a - b)
  return { best: times[0]!, median: quantile(times, 0.5), longest: times.at(-1)! }
}

function quantile(ascending: readonly number[], share: number): number {
  return ascending[Math.min(ascending.length - 1, Math.floor(ascending.length * share))] ?? 0
}

function shownFrames({ ms: frames }: Frames): string {
  return [quantile(frames, 0.5), quantile(frames, 0.95), frames.at(-1) ?? 0].map((each) => Math.round(each * 10) / 10).join(' · ')
}

const ms = (value: number) => `${Math.round(value)} ms`
const kilobytes = (bytes: number) => Math.round(bytes / 100) / 10
const count = (value: number) => value.toLocaleString('en')
