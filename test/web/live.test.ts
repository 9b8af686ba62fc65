import { expect, test } from 'vitest'
import { startTcpProxy } from '../support/servers/tcp-proxy.ts'
import { freePort } from '../support/servers/free-port.ts'
import { giveSession, openConsole, watchedContext, whyNoBrowser } from '../support/web-browser.ts'

test('a page whose connection goes away says so, goes on where it was when it is back, and shows what happened meanwhile', async (context) => {
  if (whyNoBrowser !== undefined) return context.skip(whyNoBrowser)
  await using console = await openConsole({ withNode: false })
  const { hub, browser, api, client } = console
  await using way = await startTcpProxy(Number(new URL(hub.url).port))
  const at = { url: `http://127.0.0.1:${way.port}` }
  await using watched = await watchedContext(browser, at)
  await giveSession(watched.context, at, api)
  const page = await watched.context.newPage()
  const jobOf = (name: string) =>
    client.jobs.create({ body: { name, source: { type: 'filesystem', paths: [hub.folder] }, target: { type: 'local_dir', path: '/backups' } } })
  const job = await jobOf('Letters')
  await page.goto(`/jobs/${job.id}?tab=runs`)
  await page.getByText('Nothing has run yet').waitFor()
  const rows = page.locator('tbody tr')

  await client.jobs.run({ params: { id: job.id } })
  await expect.poll(() => rows.count(), { timeout: 60_000 }).toBe(1)
  way.leadTo(await freePort())
  way.cut()
  const notice = page.getByText('No connection to the Hub')
  await notice.waitFor()
  const { items } = await client.runs.list({ query: { job_id: job.id } })
  await client.runs.cancel({ params: { id: items[0]!.id } })
  way.leadTo(Number(new URL(hub.url).port))
  await rows.getByText('Canceled').waitFor()
  await notice.waitFor({ state: 'detached' })
  // Nothing but the lines of the browser itself about sockets that could not be opened.
  expect(watched.complaints.filter((complaint) => !complaint.includes('WebSocket'))).toEqual([])
})

test('what happens after a page has asked and before it listens is shown', async (context) => {
  if (whyNoBrowser !== undefined) return context.skip(whyNoBrowser)
  await using console = await openConsole({ withNode: false })
  const { hub, page, client, complaints } = console
  const job = await client.jobs.create({
    body: { name: 'Letters', source: { type: 'filesystem', paths: [hub.folder] }, target: { type: 'local_dir', path: '/backups' } },
  })
  // In a worker that all tabs share, nobody could hold it back.
  await page.addInitScript('delete globalThis.SharedWorker')
  const mayListen = Promise.withResolvers<void>()
  await page.routeWebSocket('**/api/events/ws', async (socket) => {
    await mayListen.promise
    socket.connectToServer()
  })
  await page.goto(`/jobs/${job.id}?tab=runs`)
  await page.getByText('Nothing has run yet').waitFor()
  await client.jobs.run({ params: { id: job.id } })
  mayListen.resolve()
  await page.locator('tbody tr').first().waitFor()
  expect(complaints).toEqual([])
})
