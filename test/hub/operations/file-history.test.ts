import { mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { expect, test } from 'vitest'
import { listAll } from '../../../src/client/all-pages.ts'
import { fileHistory } from '../../../src/hub/operations/file-history.ts'
import type { VersionIn } from '../../../src/protocol/http/entry-routes.ts'
import { openDispatchCase } from '../../support/dispatch-case.ts'
import { anArtifact, anId, aRun } from '../../support/hub-records.ts'
import { openOperationCase, type OperationCase } from '../../support/operation-case.ts'

function wholeHistory({ client }: OperationCase, id: string, name: string, limit: number): Promise<VersionIn[]> {
  return listAll(async (cursor) => {
    const page = await client.entries.history({ params: { id }, query: { path: name, limit, cursor } })
    expect(page.items.length).toBeLessThanOrEqual(limit)
    return page
  })
}

test.for(['none', 'age_x25519'] as const)(
  'a file is followed through the artifacts of its job, encrypted by %s: changed, the same, absent, and not to be read',
  async (type) => {
    await using ops = await openOperationCase()
    const source = path.join(ops.folder, 'source')
    const letter = path.join(source, 'letter.txt')
    mkdirSync(source)
    writeFileSync(path.join(source, 'other.txt'), 'always there')
    writeFileSync(letter, 'first')
    const encryption = type === 'none' ? { type } : { type, key_name: 'default' }
    const { runId: first, jobId, artifact } = await ops.backup(source, { pipeline: { encryption } })
    writeFileSync(letter, 'second')
    const changed = await ops.again(jobId)
    const same = await ops.again(jobId)
    rmSync(letter)
    const absent = await ops.again(jobId)
    mkdirSync(letter)
    const directory = await ops.again(jobId)
    rmSync(letter, { recursive: true })
    writeFileSync(letter, 'second')
    const broken = await ops.again(jobId)
    rmSync(path.join(path.dirname(artifact), broken, type === 'none' ? 'entries.jsonl.zst' : 'entries.jsonl.zst.age'))

    const versions = await wholeHistory(ops, jobId, letter.slice(1), 4)
    expect(versions).toMatchObject([
      { run_id: broken, version: { state: 'unreadable', error: { code: 'artifact_damaged' } } },
      { run_id: directory, version: { state: 'other', kind: 'dir' } },
      { run_id: absent, version: { state: 'absent' } },
      { run_id: same, grade: 'stable', version: { state: 'file', size: 6 } },
      { run_id: changed, version: { state: 'file', size: 6 } },
      { run_id: first, version: { state: 'file', size: 5 } },
    ])
    const hashes = versions.map(({ version }) => (version.state === 'file' ? version.hash : ''))
    expect(hashes[3]).toMatch(/^[0-9a-f]{64}$/)
    expect(hashes[4]).toBe(hashes[3])
    expect(hashes[5]).not.toBe(hashes[4])
    const ends = versions.map(({ ended_at }) => ended_at)
    expect(ends).toEqual(ends.toSorted((a, b) => b - a))
    expect(ops.hub.errors).toEqual([])
  },
)

test('a job that has moved to another target is asked in both, and one that is away is told for what it holds', async () => {
  await using ops = await openOperationCase()
  const source = path.join(ops.folder, 'source')
  const letter = path.join(source, 'letter.txt')
  mkdirSync(source)
  writeFileSync(letter, 'dear Ada')
  const { runId: first, jobId } = await ops.backup(source)
  const params = { id: jobId }
  const { name, source: from } = await ops.client.jobs.get({ params })
  const moved = path.join(ops.folder, 'moved')
  await ops.client.jobs.update({ params, body: { name, source: from, target: { type: 'local_dir', path: moved } } })
  const second = await ops.again(jobId)
  const history = () => wholeHistory(ops, jobId, letter.slice(1), 20)
  expect(await history()).toMatchObject([
    { run_id: second, version: { state: 'file', size: 8 } },
    { run_id: first, version: { state: 'file', size: 8 } },
  ])
  renameSync(moved, `${moved}-away`)
  expect(await history()).toMatchObject([
    { run_id: second, version: { state: 'unreadable', error: { code: 'target_identity' } } },
    { run_id: first, version: { state: 'file' } },
  ])
  // When nothing can be asked at all, that is the answer.
  renameSync(path.join(ops.folder, 'target-1'), path.join(ops.folder, 'target-1-away'))
  await expect(history()).rejects.toMatchObject({ code: 'target_identity' })
})

test('a job without artifacts has an empty history, and no job has none', async () => {
  await using ops = await openOperationCase()
  const { client } = ops
  const target = { type: 'local_dir', path: path.join(ops.folder, 'target') } as const
  const { id } = await client.jobs.create({ body: { name: 'new', source: { type: 'filesystem', paths: [ops.folder] }, target } })
  const query = { path: 'srv/letter.txt' }
  expect(await client.entries.history({ params: { id }, query })).toEqual({ items: [], next_cursor: null })
  await expect(client.entries.history({ params: { id: 'nobody' }, query })).rejects.toMatchObject({ code: 'not_found' })
  await expect(client.entries.history({ params: { id }, query: { path: '' } })).rejects.toMatchObject({ code: 'invalid_spec' })
})

test('artifacts of one target are one question to the node, which is told when nobody waits for the answer any more', async () => {
  await using hub = await openDispatchCase()
  const job = await hub.addJob()
  for (const number of [1, 2, 3]) {
    const run = aRun(job, { id: anId(number, 'run') })
    await hub.store.runs.insert(run)
    await hub.store.artifacts.insert(anArtifact({ ...run, job_id: job.id }))
  }
  const node = hub.connect()
  node.hello()
  await node.next('hub.welcome')
  const gone = new AbortController()
  const vault = { credentialsFor: async () => ({}), identitiesFor: async () => [] }
  const services = { store: hub.store, nodes: hub.sessions, vault }
  const asked = fileHistory(services, job.id, { path: 'srv/letter.txt' }, { cursor: undefined, limit: 20 }, gone.signal)
  const { request_id, request } = await node.next('request')
  expect(request).toMatchObject({ kind: 'entries.history', path: 'srv/letter.txt' })
  expect((request as { artifacts: unknown[] }).artifacts).toHaveLength(3)
  gone.abort()
  await expect(asked).rejects.toMatchObject({ code: 'canceled' })
  expect(await node.next('request.cancel')).toMatchObject({ request_id })
  expect(node.received.filter(({ type }) => type === 'request')).toHaveLength(1)
})
