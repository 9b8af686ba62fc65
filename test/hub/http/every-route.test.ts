import { mkdir, rename, rm, writeFile } from 'node:fs/promises'
import { existsSync } from 'node:fs'
import { buffer } from 'node:stream/consumers'
import path from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { expect, test } from 'vitest'
import type { Client } from '../../../src/client/client.ts'
import { newDeleteTask } from '../../../src/core/delete-task.ts'
import { retentionPolicySchema } from '../../../src/core/retention.ts'
import type { RunDetail } from '../../../src/core/run-detail.ts'
import { openApiDocument } from '../../../src/protocol/http/openapi.ts'
import { openStore } from '../../../src/hub/store/store.ts'
import { unmeasurable } from '../../support/fuzz/mutate-json.ts'
import { anId } from '../../support/hub-records.ts'
import { admin, createBrowser, type HttpHub, setUp, startHttpHub, testVersion } from '../../support/http-hub.ts'
import { createOpenApiChecker, type OpenApi } from '../../support/openapi-checker.ts'

/** What a run has left on a target that is not there now, as a Hub knows it that has looked. @returns the run's id */
async function leaveBehind({ folder }: HttpHub, job_id: string): Promise<string> {
  await using store = await openStore({ file: path.join(folder, 'data', 'bastion.db'), clock: { now: () => Date.now() } })
  const run_id = anId(1, 'left behind')
  const target_snapshot = { type: 'local_dir', path: path.join(folder, 'not mounted') } as const
  await store.incompleteRuns.insert(run_id, { target_snapshot, objects: 2, bytes: 3, last_sign_at: 1, found_at: 2 })
  const task = newDeleteTask({ run_id, job_id, node_id: 'hub', target_id: 'target-1' }, { force: false, by: 'cleanup', now: 2 })
  await store.cleanupTasks.insert({ ...task, status: 'ignored', next_attempt_at: null })
  return run_id
}

async function ended(client: Client, id: string): Promise<RunDetail> {
  for (;;) {
    const run = await client.runs.get({ params: { id } })
    if (run.ended_at !== null) return run
    await wait(50)
  }
}

async function operationEnded(client: Client, id: string): Promise<void> {
  while ((await client.operations.get({ params: { id } })).ended_at === null) await wait(50)
}

test('every route answers as the document says that the Hub serves, from an empty data directory to a downloaded file', async () => {
  await using hub = await startHttpHub()
  const document = (await (await fetch(`${hub.url}/api/openapi.json`)).json()) as OpenApi
  expect(document).toEqual(openApiDocument(testVersion))
  const checker = createOpenApiChecker(document)
  const fails = (call: Promise<unknown>, code: string) => expect(call).rejects.toMatchObject({ code })

  const stranger = createBrowser(hub.url, checker.fetch).client
  expect(await stranger.setup.status()).toEqual({ initialized: false, setup_token_required: false })
  await fails(stranger.jobs.list(), 'not_signed_in')
  expect(await stranger.system.health()).toEqual({ status: 'ok' })
  expect(await stranger.system.ready()).toEqual({ status: 'ready' })
  expect(await stranger.system.system()).toMatchObject({ name: 'bastion', version: testVersion })

  const browser = await setUp(hub, checker.fetch)
  const { client } = browser
  await fails(stranger.setup.initialize({ body: admin }), 'conflict')
  expect(await client.auth.session()).toEqual({ user: expect.objectContaining({ username: 'ada', role: 'admin' }), csrf_token: browser.csrfToken })
  const other = createBrowser(hub.url, checker.fetch)
  await fails(other.client.auth.login({ body: { ...admin, password: 'wrong' } }), 'sign_in_failed')
  other.csrfToken = (await other.client.auth.login({ body: admin })).csrf_token
  const elsewhere = (await client.auth.sessions()).items.find(({ current }) => !current)
  await client.auth.revoke({ params: { id: elsewhere!.id } })
  await fails(other.client.auth.session(), 'not_signed_in')

  const source = path.join(hub.folder, 'source')
  await mkdir(path.join(source, 'letters'), { recursive: true })
  await writeFile(path.join(source, 'letters', 'to ada.txt'), 'dear Ada')
  const target = { type: 'local_dir', path: path.join(hub.folder, 'target') } as const
  const node = { id: 'hub' }

  expect((await client.nodes.list()).items).toEqual([{ id: 'hub', connected: true, running: 0 }])
  expect(await client.nodes.get({ params: node })).toMatchObject({ connected: true })
  await fails(client.nodes.get({ params: { id: 'elsewhere' } }), 'not_found')
  const browsed = await client.nodes.browse({ params: node, query: { path: source } })
  expect(browsed.items).toMatchObject([{ name: 'letters', kind: 'dir' }])
  await fails(client.nodes.browse({ params: node, query: { path: '/etc' } }), 'not_allowed')
  expect(await client.nodes.checkTarget({ params: node, body: { target } })).toMatchObject({ ok: true, leftovers: [] })
  expect((await client.nodes.probeSnapshot({ params: node, body: { path: source } })).places).toMatchObject([{ path: source, read: 'live' }])
  expect(await client.nodes.leases({ params: node })).toEqual({ leases: [] })
  expect(await client.nodes.reapLeases({ params: node })).toEqual({ reaped: [] })

  const secret = { kind: 'webdav', values: { password: 'from the vault' } } as const
  await client.secrets.create({ params: node, body: { name: 'dav', ...secret } })
  await fails(client.secrets.create({ params: node, body: { name: 'dav', ...secret } }), 'conflict')
  await fails(client.secrets.create({ params: node, body: { name: 'empty', kind: 's3', values: {} } }), 'invalid_spec')
  await client.secrets.replace({ params: { ...node, name: 'dav' }, body: secret })
  expect((await client.secrets.list({ params: node })).items).toMatchObject([{ name: 'dav', kind: 'webdav' }])
  expect(JSON.stringify(await client.secrets.get({ params: { ...node, name: 'dav' } }))).not.toContain('from the vault')
  const dav = { type: 'webdav', base_url: 'https://dav.example.org/b', secret_name: 'dav' } as const
  const user = await client.jobs.create({ body: { name: 'user', source: { type: 'filesystem', paths: ['/srv'] }, target: dav } })
  await fails(client.secrets.remove({ params: { ...node, name: 'dav' } }), 'conflict')
  await client.jobs.remove({ params: { id: user.id } })
  await client.secrets.remove({ params: { ...node, name: 'dav' } })
  await fails(client.secrets.get({ params: { ...node, name: 'dav' } }), 'not_found')

  expect((await client.ageKeys.create({ body: { name: 'spare' } })).recipient).toMatch(/^age1/)
  await fails(client.ageKeys.create({ body: { name: 'spare' } }), 'conflict')
  expect(
    (await client.schedule.preview({ body: { schedule: '0 3 * * *', schedule_timezone: 'Europe/Berlin', after: 0, count: 2 } })).fire_times,
  ).toEqual([2 * 3_600_000, 26 * 3_600_000])
  const default_retention = retentionPolicySchema.parse({})
  const others = { default_retention, run_history_days: 180, incomplete_after_days: 7 }
  expect(await client.settings.get()).toEqual({ runs_per_node: 2, ...others })
  expect(await client.settings.replace({ body: { runs_per_node: 3 } })).toEqual({ runs_per_node: 3, ...others })

  await fails(client.jobs.create({ body: { name: '', source: { type: 'filesystem', paths: ['relative'] }, target } }), 'invalid_spec')
  await fails(
    client.jobs.create({ body: { name: unmeasurable as unknown as string, source: { type: 'filesystem', paths: ['/etc'] }, target } }),
    'invalid_spec',
  )
  const spec = {
    name: 'letters',
    schedule: '0 3 * * *',
    source: { type: 'filesystem', paths: [source] },
    pipeline: { encryption: { type: 'age_x25519', key_name: 'default' } },
    target,
  } as const
  const job = await client.jobs.create({ body: { ...spec, source: { ...spec.source, paths: [source] } } })
  const params = { id: job.id }
  expect(await client.jobs.get({ params })).toEqual(job)
  expect(job.next_run_at).toBeGreaterThan(Date.now())
  const changed = await client.jobs.update({ params, body: { ...spec, source: { ...spec.source, paths: [source] }, schedule: null } })
  expect(changed).toMatchObject({ schedule: null, next_run_at: null })
  await fails(client.jobs.get({ params: { id: 'nobody' } }), 'not_found')
  const unused = await client.jobs.create({ body: { ...spec, source: { ...spec.source, paths: [source] }, name: 'unused' } })
  await client.jobs.remove({ params: { id: unused.id } })

  expect((await client.ageKeys.list()).items.map(({ name, exported_at }) => [name, exported_at])).toEqual([
    ['default', null],
    ['spare', null],
  ])
  await fails(client.jobs.run({ params }), 'encryption_key_not_kept')
  await fails(client.ageKeys.export({ params: { name: 'default' }, body: { password: 'wrong' } }), 'sign_in_failed')
  await fails(client.jobs.run({ params }), 'encryption_key_not_kept')
  expect((await client.ageKeys.export({ params: { name: 'default' }, body: { password: admin.password } })).identity).toMatch(/^AGE-SECRET-KEY-1/)
  expect((await client.jobs.runs({ params })).items).toEqual([])

  const { run_id: id } = await client.jobs.run({ params })
  const run = await ended(client, id)
  expect(run).toMatchObject({ status: 'success', state: 'finished', grade: 'stable', consistency_changed_total: 0, issues_total: 0 })
  const { items: events } = await client.runs.events({ params: { id } })
  expect(events.map(({ seq }) => seq)).toEqual(events.map((_, at) => at + 1))
  expect(events.at(-1)).toMatchObject({ kind: 'complete' })
  await fails(client.runs.cancel({ params: { id } }), 'conflict')
  await fails(client.jobs.remove({ params }), 'conflict')
  expect((await client.jobs.runs({ params })).items).toMatchObject([{ id, status: 'success' }])
  expect((await client.runs.list({ query: { status: 'success', limit: 1 } })).items).toMatchObject([{ id }])

  const prefix = `${source.slice(1)}/letters`
  const { items: entries } = await client.runs.entries({ params: { id }, query: { prefix } })
  expect(entries).toMatchObject([{ path: `${prefix}/to ada.txt`, kind: 'file', size: 8 }])
  const content = await client.runs.download({ params: { id }, query: { path: `${prefix}/to ada.txt` } })
  expect((await buffer(content)).toString()).toBe('dear Ada')
  await fails(client.runs.download({ params: { id }, query: { path: 'absent' } }), 'entry_not_found')

  expect(await client.maintenance.checkArtifact({ params: { ...params, run_id: id } })).toEqual({ found: 'ok', why: null, status: 'present' })
  await fails(client.maintenance.checkArtifact({ params: { id: 'nobody', run_id: id } }), 'artifact_not_found')
  expect(await client.maintenance.rebuildIndex({ body: { target } })).toMatchObject({ known: 1, missing: [], damaged: [], next: null })
  expect((await client.entries.search({ params: { id }, query: { query: 'ADA' } })).items).toMatchObject([{ path: `${prefix}/to ada.txt` }])
  expect((await client.entries.diff({ params: { id }, query: { before: id } })).items).toEqual([])
  const history = await client.entries.history({ params, query: { path: `${prefix}/to ada.txt` } })
  expect(history).toMatchObject({ items: [{ run_id: id, grade: 'stable', version: { state: 'file', size: 8 } }], next_cursor: null })
  expect((await buffer(await client.entries.downloadSelection({ params: { id }, query: { only: '*.txt' } }))).toString('latin1')).toContain(
    'dear Ada',
  )
  const plan = await client.operations.planRestore({ params: { id }, body: { only: [source] } })
  expect(plan).toMatchObject({ files: 1, fits: true, conflicts: { total: 0 }, restore_roots: [path.join(hub.folder, 'data', 'restore')] })
  const { operation_id: restore } = await client.operations.restore({ params: { id }, body: { only: [source] } })
  const { operation_id: verify } = await client.operations.verify({ params: { id }, body: { level: 'chain' } })
  const { operation_id: drill } = await client.operations.drill({ params: { id } })
  for (const operation of [restore, verify, drill]) await operationEnded(client, operation)
  expect((await client.operations.list({ query: { run_id: id } })).items).toMatchObject([
    { kind: 'drill', status: 'success' },
    { kind: 'verify', status: 'success' },
    { kind: 'restore', status: 'success' },
  ])
  expect((await client.operations.events({ params: { id: drill } })).items.at(-1)).toMatchObject({ kind: 'complete' })
  const stopped = await client.operations.cancel({ params: { id: (await client.operations.drill({ params: { id } })).operation_id } })
  expect(stopped.cancel_requested_at).not.toBeNull()
  await operationEnded(client, stopped.id)
  await fails(client.operations.cancel({ params: { id: drill } }), 'conflict')

  const { run_id: newest } = await client.jobs.run({ params })
  await ended(client, newest)
  const stored = await client.artifacts.ofJob({ params, query: { order: 'asc' } })
  expect(stored.items).toMatchObject([
    { run_id: id, job_name: 'letters', status: 'present', encrypted: true, target, files: 1, pinned_at: null },
    { run_id: newest, status: 'present' },
  ])
  const artifact = { ...params, run_id: id }
  expect(await client.artifacts.get({ params: artifact })).toEqual(stored.items[0])
  expect((await client.artifacts.list({ query: { sort: 'stored_bytes', target_type: 'local_dir', limit: 1 } })).next_cursor).not.toBeNull()
  await fails(client.artifacts.get({ params: { ...artifact, id: 'nobody' } }), 'artifact_not_found')
  expect((await client.artifacts.pin({ params: artifact })).pinned_at).not.toBeNull()
  await fails(client.artifacts.delete({ params: artifact }), 'snapshot_pinned')
  expect((await client.artifacts.unpin({ params: artifact })).pinned_at).toBeNull()
  await fails(client.artifacts.deleteTask({ params: artifact }), 'not_found')
  await fails(client.artifacts.delete({ params: { ...artifact, run_id: newest } }), 'conflict')
  expect(await client.artifacts.delete({ params: artifact })).toMatchObject({ requested_by: 'person', force: false })
  while ((await client.artifacts.get({ params: artifact })).status !== 'deleted') await wait(20)
  expect((await client.artifacts.deleteEvents({ params: artifact })).items.map(({ kind }) => kind)).toEqual(['requested', 'started', 'deleted'])
  expect(await client.artifacts.deleteTask({ params: artifact })).toMatchObject({ status: 'done' })
  const many = await client.artifacts.deleteMany({ params, body: { run_ids: [id, newest, job.id] } })
  expect(many.items.map(({ result }) => result)).toEqual(['already', 'newest_good', 'not_found'])
  for (const name of ['retryNow', 'ignore', 'unignore'] as const) await fails(client.artifacts[name]({ params: artifact }), 'conflict')
  await fails(client.artifacts.pin({ params: artifact }), 'conflict')
  expect(await client.artifacts.holds()).toEqual({ items: [] })
  expect(await client.artifacts.confirmMissing({ params: { target_id: 'elsewhere' } })).toEqual({ confirmed: 0 })
  await fails(client.runs.entries({ params: { id } }), 'artifact_not_found')

  const left = await leaveBehind(hub, job.id)
  const cleanup = { params: { run_id: left } }
  const cleanupBecomes = async (status: 'blocked') => {
    while ((await client.maintenance.incomplete({ query: { status } })).items.length === 0) await wait(20)
  }
  expect((await client.maintenance.incomplete({ query: { status: 'ignored' } })).items).toMatchObject([{ run_id: left, status: 'ignored' }])
  expect(await client.maintenance.retryCleanup(cleanup)).toMatchObject({ run_id: left, job_id: job.id, objects: 2 })
  await cleanupBecomes('blocked')
  expect(await client.maintenance.ignoreCleanup(cleanup)).toMatchObject({ status: 'ignored' })
  expect(await client.maintenance.incomplete()).toEqual({ items: [], next_cursor: null })
  await client.maintenance.unignoreCleanup(cleanup)
  await cleanupBecomes('blocked')
  expect((await client.maintenance.incompleteEvents(cleanup)).items.map(({ kind }) => kind)).toEqual([
    'retry_now',
    'started',
    'blocked',
    'ignored',
    'unignored',
    'started',
    'blocked',
  ])
  for (const name of ['incompleteEvents', 'retryCleanup', 'ignoreCleanup', 'unignoreCleanup'] as const)
    await fails(client.maintenance[name]({ params: { run_id: id } }), 'not_found')

  // Its disk is not mounted: nothing is taken for gone.
  const last = { ...params, run_id: newest }
  const becomes = async (status: string) => {
    while ((await client.artifacts.get({ params: last })).status !== status) await wait(20)
    return client.artifacts.deleteTask({ params: last })
  }
  await rename(target.path, `${target.path} elsewhere`)
  await client.artifacts.delete({ params: last, query: { force: 'true' } })
  expect(await becomes('error')).toMatchObject({
    status: 'blocked',
    force: true,
    last_error_kind: 'identity',
    last_error: { code: 'target_identity' },
  })
  expect(await client.artifacts.ignore({ params: last })).toMatchObject({ status: 'ignored' })
  expect((await client.artifacts.list()).items).toEqual([])
  expect((await client.artifacts.list({ query: { ignored: 'true' } })).items).toMatchObject([{ run_id: newest }])
  await client.artifacts.unignore({ params: last })
  await becomes('error')
  await rename(`${target.path} elsewhere`, target.path)
  await client.artifacts.retryNow({ params: last })
  expect(await becomes('deleted')).toMatchObject({ status: 'done', last_error: null })

  await client.jobs.update({
    params,
    body: { ...spec, source: { ...spec.source, paths: [path.join(hub.folder, 'absent')] }, retry: { attempts: 0 } },
  })
  const failed = await ended(client, (await client.jobs.run({ params })).run_id)
  expect(failed).toMatchObject({ status: 'failed', error_code: 'source_not_found' })
  await fails(client.runs.entries({ params: { id: failed.id } }), 'artifact_not_found')
  expect(await client.overview.get()).toMatchObject({ jobs: { active: 1, failing: 1 }, failing: [{ job_name: 'letters', run: { id: failed.id } }] })
  const since = Date.now() - 24 * 3600_000
  const { days } = await client.overview.days({ query: { since } })
  expect(days.length).toBe(1)
  const [first] = days
  expect(first).toMatchObject({ job_id: job.id, failed: 1, stored: first!.runs - 1 })
  expect(first!.stored_bytes).toBeGreaterThan(first!.stored * 100)

  // One that waits for its turn can be canceled before it began.
  await client.settings.replace({ body: { runs_per_node: 1 } })
  const both = await Promise.all(
    [1, 2].map(
      async (number) => (await client.jobs.create({ body: { ...spec, source: { ...spec.source, paths: [source] }, name: `turn ${number}` } })).id,
    ),
  )
  const asked = await Promise.all(both.map((one) => client.jobs.run({ params: { id: one } })))
  const canceled = await client.runs.cancel({ params: { id: asked[1]!.run_id } })
  expect(canceled.cancel_requested_at).not.toBeNull()
  expect((await ended(client, asked[1]!.run_id)).status).toMatch(/canceled|success/)
  await ended(client, asked[0]!.run_id)

  await askRetention(client, hub.folder)

  expect((await client.jobs.archive({ params })).archived_at).not.toBeNull()
  await fails(client.jobs.run({ params }), 'conflict')
  expect((await client.jobs.list({ query: { archived: 'true' } })).items).toHaveLength(1)
  expect((await client.jobs.unarchive({ params })).archived_at).toBeNull()

  const copy = await client.jobs.clone({ params, body: {} })
  expect(copy).toMatchObject({ name: 'letters (copy)', schedule: null, last_run: null, target })
  expect(await client.jobs.remove({ params: { id: copy.id } })).toEqual({ result: 'removed' })
  const turn = { id: both[0]! }
  await fails(client.jobs.remove({ params: turn }), 'conflict')
  expect(await client.jobs.remove({ params: turn, query: { artifacts: 'keep' } })).toEqual({ result: 'removed' })
  expect(existsSync(path.join(target.path, turn.id, asked[0]!.run_id, 'complete.json'))).toBe(true)

  browser.csrfToken = (await client.auth.changePassword({ body: { current_password: admin.password, new_password: 'another long one' } })).csrf_token
  await client.auth.logout()
  await fails(client.auth.session(), 'not_signed_in')

  const all = Object.values(document.paths).flatMap((operations) => Object.values(operations).map(({ operationId }) => operationId))
  expect([...checker.succeeded].toSorted()).toEqual(all.toSorted())
  expect(hub.errors).toEqual([])
}, 300_000)

/** A job that keeps its last two artifacts, and finds less and less. */
async function askRetention(client: Client, folder: string): Promise<void> {
  const source = path.join(folder, 'shrinking')
  await mkdir(source)
  const file = (number: number) => path.join(source, `${number}.txt`)
  for (let number = 0; number < 40; number++) await writeFile(file(number), 'content')
  const target = { type: 'local_dir', path: path.join(folder, 'target') } as const
  const job = await client.jobs.create({ body: { name: 'shrinking', source: { type: 'filesystem', paths: [source] }, target } })
  const params = { id: job.id }
  const backUp = async () => (await ended(client, (await client.jobs.run({ params })).run_id)).id
  const runs: string[] = []
  for (let run = 0; run < 5; run++) runs.push(await backUp())
  expect(await client.retention.get({ params })).toMatchObject({ retention: { mode: 'inherit' }, active: false, brakes: [] })

  const asked = await client.retention.preview({ params, body: { retention: { enabled: true, keep_last: 2 }, months: 3 } })
  expect(asked).toMatchObject({ totals: { keep: 2, delete: 3, delete_now: 3 }, foreseen_by: 'nothing' })
  expect(asked.delete.map(({ run_id }) => run_id)).toEqual(runs.slice(0, 3))
  await expect(client.retention.apply({ params, body: {} })).rejects.toMatchObject({ code: 'conflict' })
  await expect(client.retention.replace({ params, body: { enabled: true } })).rejects.toMatchObject({ code: 'invalid_spec' })
  expect(await client.retention.replace({ params, body: { enabled: true, keep_last: 2 } })).toMatchObject({ active: true, policy: { keep_last: 2 } })

  for (let number = 0; number < 30; number++) await rm(file(number))
  const small = await backUp()
  expect((await client.retention.brakes()).items).toMatchObject([{ kind: 'suspicious', job_id: job.id, overdue: false }])
  await expect(client.retention.apply({ params, body: {} })).rejects.toMatchObject({ code: 'conflict', details: { brake: 'suspicious' } })
  expect(await client.retention.accept({ params, body: { run_id: small } })).toMatchObject({ brakes: [] })
  for (let number = 30; number < 38; number++) await rm(file(number))
  const smaller = await backUp()
  expect(await client.retention.giveUp({ params, body: { run_id: smaller } })).toMatchObject({ brakes: [] })

  const { fingerprint, delete: gone } = await client.retention.preview({ params, body: {} })
  expect(gone.map(({ run_id }) => run_id)).toEqual([...runs.slice(0, 4), smaller])
  expect(await client.retention.apply({ params, body: { fingerprint } })).toEqual({ run_ids: gone.map(({ run_id }) => run_id), remaining: 0 })
  await client.retention.releaseClock()
}
