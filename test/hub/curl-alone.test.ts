import { execFile } from 'node:child_process'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { promisify } from 'node:util'
import { expect, test } from 'vitest'
import type { KeptRunEvent } from '../../src/core/run-event.ts'
import { compareTrees } from '../support/compare-trees.ts'
import { curlWith, whyNoCurl } from '../support/curl.ts'
import { below, stockRestore } from '../support/engine.ts'
import { admin } from '../support/http-hub.ts'
import { startHubServer, whyNoProgram } from '../support/hub-server.ts'
import { btrfs, loopFilesystem, subvolumesOf, whyNoLoop } from '../support/loop-filesystem.ts'
import { createOpenApiChecker, type OpenApi } from '../support/openapi-checker.ts'
import { webdavKinds } from '../support/servers/webdav-servers.ts'
import { temporaryFolder } from '../support/temporary-folder.ts'

const exec = promisify(execFile)
const apache = webdavKinds.find(({ name }) => name === 'Apache')!
const reason = whyNoProgram ?? whyNoCurl ?? apache.whyNot ?? (await whyNoLoop('btrfs'))
const account = { username: 'backup', password: 'hunter2!' }

/** The directories of our own sources: files as people have them. */
const realTree = path.join(import.meta.dirname, '../../src')

/** What is read of answers; which of them has what is checked against the document. */
interface Answer {
  status: string
  id: string
  run_id: string
  csrf_token: string
  identity: string
  places: unknown
  items: unknown[]
  next_cursor: string | null
}

test('with curl alone, from an empty data directory to a file of an encrypted backup of a frozen tree', async ({ skip }) => {
  skip(reason !== undefined, reason)
  await using folder = await temporaryFolder()
  await using disk = await loopFilesystem('btrfs')
  await using webdav = await apache.start({ account })
  const volume = path.join(disk.path, 'srv')
  const source = path.join(volume, 'src')
  await btrfs('subvolume', 'create', volume)
  await exec('cp', ['--archive', realTree, source])
  const volumes = await subvolumesOf(disk)
  await using hub = await startHubServer({ dataDir: path.join(folder.path, 'data'), args: ['--snapshot-root', disk.path] })

  const curl = curlWith(path.join(folder.path, 'jar'))
  const served = await curl(`${hub.url}/api/openapi.json`, { method: 'GET', headers: {} })
  const checker = createOpenApiChecker((await served.json()) as OpenApi, curl)
  let csrfToken = ''
  async function ask(method: string, address: string, body?: unknown): Promise<Response> {
    const response = await checker.fetch(`${hub.url}/api${address}`, {
      method,
      headers: { 'x-csrf-token': csrfToken, ...(body === undefined ? {} : { 'content-type': 'application/json' }) },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    })
    if (!response.ok) throw new Error(`${method} ${address}: ${response.status} ${await response.text()}`)
    return response
  }
  const get = async (address: string) => (await (await ask('GET', address)).json()) as Answer
  const post = async (address: string, body?: unknown) => (await (await ask('POST', address, body)).json()) as Answer

  expect(await get('/setup/status')).toEqual({ initialized: false, setup_token_required: false })
  csrfToken = (await post('/setup/initialize', admin)).csrf_token
  await ask('POST', '/auth/logout')
  csrfToken = (await post('/auth/login', admin)).csrf_token

  await post('/nodes/hub/secrets', { name: 'dav', kind: 'webdav', values: { password: account.password } })
  const target = { type: 'webdav', base_url: `${webdav.url}/backups`, username: account.username, secret_name: 'dav' }
  expect(await post('/nodes/hub/targets/check', { target })).toMatchObject({ ok: true })
  expect((await post('/nodes/hub/snapshots/probe', { path: source })).places).toMatchObject([{ read: 'snapshot', provider: 'btrfs' }])
  const job = await post('/jobs', {
    name: 'srv',
    source: { type: 'filesystem', paths: [source], snapshot_mode: 'required' },
    pipeline: { encryption: { type: 'age_x25519', key_name: 'default' } },
    target,
  })
  // The job has made its key, and runs once that is kept elsewhere too.
  const { identity } = await post('/age-keys/default/export', { password: admin.password })
  const { run_id: runId } = await post(`/jobs/${job.id}/run`)

  const events: KeptRunEvent[] = []
  while (events.at(-1)?.kind !== 'complete') {
    const { items } = await get(`/runs/${runId}/events?after_seq=${events.length}`)
    events.push(...(items as KeptRunEvent[]))
    expect(events.filter(({ level }) => level !== 'info')).toEqual([])
    if (items.length === 0) await wait(50)
  }
  expect(events.map(({ seq }) => seq)).toEqual(events.map((_, at) => at + 1))
  expect(events.map(({ kind }) => kind)).toEqual(expect.arrayContaining(['queued', 'dispatched', 'started', 'snapshot_ready', 'part_stored']))
  // The artifact is complete; its run ends a moment later.
  let run = await get(`/runs/${runId}`)
  for (; run.status === 'running'; run = await get(`/runs/${runId}`)) await wait(50)
  expect(run).toMatchObject({ status: 'success', outcome: 'success', grade: 'atomic_volume', consistency_changed_total: 0, issues_total: 0 })
  expect((await get(`/jobs/${job.id}/runs`)).items).toMatchObject([{ id: runId, grade: 'atomic_volume' }])
  // Nothing is left of what it was frozen with.
  expect(await get('/nodes/hub/leases')).toEqual({ leases: [] })
  expect(await subvolumesOf(disk)).toEqual(volumes)

  const prefix = `${source.slice(1)}/core`
  const listed: string[] = []
  for (let cursor: string | null = ''; cursor !== null;) {
    const page = await get(`/runs/${runId}/entries?prefix=${encodeURIComponent(prefix)}&limit=10${cursor && `&cursor=${encodeURIComponent(cursor)}`}`)
    listed.push(...(page.items as { path: string }[]).map((entry) => entry.path))
    cursor = page.next_cursor
  }
  const names = readdirSync(path.join(source, 'core')).toSorted()
  expect(listed).toEqual(names.map((name) => `${prefix}/${name}`))
  const wanted = `${prefix}/errors.ts`
  const download = await ask('GET', `/runs/${runId}/entries/download?path=${encodeURIComponent(wanted)}`)
  expect(Buffer.from(await download.arrayBuffer()).equals(readFileSync(`/${wanted}`))).toBe(true)

  // What lies on the server is sealed, and the exported key opens it without us.
  const artifact = path.join(webdav.folder, 'backups', job.id, runId)
  expect(existsSync(path.join(artifact, 'complete.json'))).toBe(true)
  stockRestore(artifact, path.join(folder.path, 'restored'), { identity })
  expect(compareTrees(source, below(path.join(folder.path, 'restored'), source))).toEqual([])
  expect(await hub.stop()).toBe(0)
  expect(hub.log).toBe('Bastion stops. Runs under way go on.\n')
})
