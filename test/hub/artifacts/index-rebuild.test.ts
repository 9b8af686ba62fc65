import { mkdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { expect, test } from 'vitest'
import type { Client } from '../../../src/client/client.ts'
import { bastion } from '../../support/bastion-process.ts'
import { admin, type HttpHub, setUp, startHttpHub } from '../../support/http-hub.ts'
import { multiplyArtifact } from '../../support/multiply-artifact.ts'
import { temporaryFolder } from '../../support/temporary-folder.ts'

async function backedUp(client: Client, id: string): Promise<string> {
  const { run_id } = await client.jobs.run({ params: { id } })
  for (;;) {
    const { status } = await client.runs.get({ params: { id: run_id } })
    if (status === 'success') return run_id
    expect(['queued', 'running']).toContain(status)
    await wait(50)
  }
}

/** A Hub with a plain and an encrypted job that have stored in `root`. */
async function firstHub(folder: string): Promise<{
  hub: HttpHub
  client: Client
  jobs: [string, string]
  runs: [string, string]
  target: { type: 'local_dir'; path: string }
  identity: string
}> {
  const hub = await startHttpHub()
  const { client } = await setUp(hub)
  const source = path.join(folder, 'source')
  mkdirSync(source)
  writeFileSync(path.join(source, 'a'), 'a')
  const target = { type: 'local_dir', path: path.join(folder, 'target') } as const
  const plain = { name: 'plain', schedule: '0 3 * * *', source: { type: 'filesystem' as const, paths: [source], exclude: ['*.tmp'] }, target }
  const sealed = { ...plain, name: 'sealed', pipeline: { encryption: { type: 'age_x25519' as const, key_name: 'default' } } }
  const jobs: [string, string] = [(await client.jobs.create({ body: plain })).id, (await client.jobs.create({ body: sealed })).id]
  const { identity } = await client.ageKeys.export({ params: { name: 'default' }, body: { password: admin.password } })
  const runs: [string, string] = [await backedUp(client, jobs[0]), await backedUp(client, jobs[1])]
  return { hub, client, jobs, runs, target, identity }
}

test('an empty Hub learns from a target what another one has stored there, once', async () => {
  await using folder = await temporaryFolder()
  const { hub, jobs, runs, target, identity } = await firstHub(folder.path)
  await hub[Symbol.asyncDispose]()
  await using empty = await startHttpHub()
  const { client } = await setUp(empty)

  const first = await client.maintenance.rebuildIndex({ body: { target, identities: [identity] } })
  expect(first).toMatchObject({
    learned: { jobs: 2, runs: 2, artifacts: 2 },
    known: 0,
    damaged: [],
    missing: [],
    foreign: [],
    incomplete: 0,
    next: null,
  })
  const archived = (await client.jobs.list({ query: { archived: 'true' } })).items
  expect(archived.map(({ id }) => id).toSorted()).toEqual(jobs.toSorted())
  const job = (id: string) => archived.find((one) => one.id === id)
  expect(job(jobs[0])).toMatchObject({
    name: 'plain',
    schedule: null,
    next_run_at: null,
    source: { paths: [path.join(folder.path, 'source')], exclude: ['*.tmp'] },
    target,
  })
  expect(job(jobs[1])).toMatchObject({ name: 'sealed', pipeline: { encryption: { type: 'age_x25519', key_name: 'default' } } })
  expect(await client.runs.get({ params: { id: runs[0] } })).toMatchObject({ status: 'success', job_id: jobs[0], node_id: 'hub', grade: 'stable' })
  // It is not this Hub's to delete, and no reason for a brake.
  const { keep } = await client.retention.preview({ params: { id: jobs[0] }, body: { months: 0 } })
  expect(keep).toMatchObject([{ run_id: runs[0], reasons: [{ rule: 'foreign' }] }])
  // What was learned can be looked into at once.
  expect((await client.runs.entries({ params: { id: runs[0] }, query: { prefix: path.join(folder.path, 'source').slice(1) } })).items).toMatchObject([
    { kind: 'file' },
  ])

  const second = await client.maintenance.rebuildIndex({ body: { target } })
  expect(second).toMatchObject({ learned: { jobs: 0, runs: 0, artifacts: 0 }, known: 2 })
  expect(empty.errors).toEqual([])
})

test('without the key of a job its artifacts are learned, and a source that is nowhere', async () => {
  await using folder = await temporaryFolder()
  const { hub, jobs, target } = await firstHub(folder.path)
  await hub[Symbol.asyncDispose]()
  await using empty = await startHttpHub()
  const { client } = await setUp(empty)
  expect(await client.maintenance.rebuildIndex({ body: { target } })).toMatchObject({ learned: { jobs: 2, artifacts: 2 } })
  expect(await client.jobs.get({ params: { id: jobs[1] } })).toMatchObject({
    name: jobs[1],
    source: { paths: [`/the-source-of-${jobs[1]}-is-not-known`] },
    pipeline: { encryption: { type: 'age_x25519' } },
  })
})

test('what is damaged, missing or not ours is told, and only what is damaged changes', async () => {
  await using folder = await temporaryFolder()
  const { hub, client, jobs, runs, target } = await firstHub(folder.path)
  await using _ = hub
  const at = (...names: string[]) => path.join(target.path, ...names)
  writeFileSync(at(jobs[0], runs[0], 'manifest.json'), '{}')
  rmSync(at(jobs[1]), { recursive: true })
  mkdirSync(at('SOMETHING ELSE'))
  mkdirSync(at('docs', 'notes'), { recursive: true })
  const seen = { damaged: [] as string[], missing: [] as string[], foreign: [] as string[] }
  for (let after: string | undefined; ;) {
    const page = await client.maintenance.rebuildIndex({ body: { target, limit: 1, ...(after !== undefined && { after }) } })
    seen.damaged.push(...page.damaged.map(({ run_id }) => run_id))
    seen.missing.push(...page.missing.map(({ run_id }) => run_id))
    seen.foreign.push(...page.foreign.map((one) => one.path))
    if (page.next === null) break
    after = page.next
  }
  expect(seen).toEqual({ damaged: [runs[0]], missing: [runs[1]], foreign: ['', 'docs'] })
  const check = (which: 0 | 1) => client.maintenance.checkArtifact({ params: { id: jobs[which], run_id: runs[which] } })
  expect(await check(0)).toMatchObject({ found: 'damaged', status: 'error', why: expect.stringContaining('manifest.json') })
  // A rebuild does not decide that it is gone: a check does.
  expect(await check(1)).toEqual({ found: 'not_there', why: null, status: 'missing' })
  expect(await check(1)).toEqual({ found: 'not_there', why: null, status: 'missing' })
})

test('a check marks what is damaged and takes it back when it is whole again; of another disk nothing is believed', async () => {
  await using folder = await temporaryFolder()
  const { hub, client, jobs, runs, target } = await firstHub(folder.path)
  await using _ = hub
  const check = () => client.maintenance.checkArtifact({ params: { id: jobs[0], run_id: runs[0] } })
  expect(await check()).toEqual({ found: 'ok', why: null, status: 'present' })
  const part = path.join(target.path, jobs[0], runs[0], 'payload.part000001')
  const bytes = readFileSync(part)
  truncateSync(part, 1)
  expect(await check()).toMatchObject({ found: 'damaged', status: 'error' })
  writeFileSync(part, bytes)
  expect(await check()).toEqual({ found: 'ok', why: null, status: 'present' })
  rmSync(path.join(target.path, jobs[0], runs[0]), { recursive: true })
  const identity = path.join(target.path, 'bastion-target.json')
  writeFileSync(identity, readFileSync(identity, 'utf8').replace(/[0-9a-f]{32}/, 'another'))
  await expect(check()).rejects.toMatchObject({ code: 'target_identity' })
  await expect(client.maintenance.rebuildIndex({ body: { target, target_id: 'it was this' } })).rejects.toMatchObject({ code: 'target_identity' })
})

test('bastion index rebuild goes through all pages', async () => {
  await using folder = await temporaryFolder()
  const { hub, jobs, runs, target } = await firstHub(folder.path)
  await using _ = hub
  const names = multiplyArtifact(target.path, `${jobs[0]}/${runs[0]}`, { count: 1100, jobs: 3 })
  const env = { XDG_STATE_HOME: path.join(folder.path, 'state'), BASTION_HUB_URL: hub.url, BASTION_PASSWORD: admin.password }
  await bastion(['login', '--username', admin.username], { env })
  const { stdout } = await bastion(['index', 'rebuild', target.path], { env })
  expect(stdout).toContain(
    `learned 3 jobs, ${names.length} runs, ${names.length} artifacts; 2 artifacts were known; 0 damaged, 0 missing, 0 not ours, 0 incomplete`,
  )
  rmSync(path.join(target.path, names[0]!), { recursive: true })
  const again = await bastion(['index', 'rebuild', target.path], { env, codes: [3] })
  expect(again.stdout).toContain(`${names[0]!}  MISSING`)
})
