import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, truncateSync, utimesSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { randomBytes } from 'node:crypto'
import { expect, test } from 'vitest'
import { uuidv7 } from '../../src/core/ids.ts'
import { createFileLocker } from '../../src/lib/file-lock.ts'
import type { NodeReply, ScannedPlace } from '../../src/protocol/node-replies.ts'
import { artifactOf, localNode, type LocalNode } from '../support/local-node.ts'

const dayMs = 24 * 60 * 60_000

/** What requests that remove need of what `artifactOf` stored: its Hub is the command line. */
function removal({ opened }: Awaited<ReturnType<typeof artifactOf>>) {
  const { target, credentials, expected_target_id, job_id, run_id } = opened
  const directory = path.join(target.path, job_id, run_id)
  return { named: { target, credentials, expected_target_id, hub_id: 'cli' }, ref: { job_id, run_id }, directory }
}

/** A run directory as a run leaves it that was killed: begun so long ago. */
function halfRun(job: string, folder: string, change: { ageMs: number; hubId?: string }): string {
  const runId = uuidv7(Date.now() - change.ageMs, randomBytes(10))
  const directory = path.join(folder, job, runId)
  mkdirSync(directory, { recursive: true })
  const marker = {
    v: 1,
    hub_id: change.hubId ?? 'cli',
    job_id: job,
    run_id: runId,
    node_id: 'here',
    format: 'archive_v1',
    owner_token: 'x'.repeat(16),
    started_at: Date.now() - change.ageMs,
  }
  writeFileSync(path.join(directory, 'run.json'), JSON.stringify(marker))
  return runId
}

test('artifacts are removed many at a time, and each is answered for itself', async () => {
  await using node = await localNode()
  const stored = await artifactOf(node, { a: 'a' })
  const { named, ref, directory } = removal(stored)
  const missing = uuidv7(1, randomBytes(10))
  const foreign = uuidv7(2, randomBytes(10))
  mkdirSync(path.join(directory, '..', foreign))
  writeFileSync(path.join(directory, '..', foreign, 'mine'), '')
  const request = {
    kind: 'artifact.delete',
    ...named,
    artifacts: [ref, { ...ref, run_id: missing }, { ...ref, run_id: foreign }].map((one) => ({ ...one, force: false })),
  } as const
  const { results } = await node.ask<'artifact.delete'>(request)
  expect(results).toHaveLength(3)
  expect(results).toContainEqual({ run_id: ref.run_id, result: 'removed', objects: 6, bytes: expect.any(Number) })
  expect(results).toContainEqual({ run_id: missing, result: 'not_there' })
  expect(results).toContainEqual({ run_id: foreign, result: 'failed', touched: false, error: expect.objectContaining({ code: 'conflict' }) })
  expect(existsSync(directory)).toBe(false)
  expect(readdirSync(path.join(directory, '..', foreign))).toEqual(['mine'])
  await expect(node.ask<'artifact.delete'>({ ...request, expected_target_id: 'another' })).rejects.toMatchObject({ code: 'target_identity' })
})

test('what a run has left is removed when it is old, ours and not alive', async () => {
  await using node = await localNode()
  const stored = await artifactOf(node, { a: 'a' })
  const { named, ref } = removal(stored)
  const folder = named.target.path
  const [old, young, alive, theirs] = [
    halfRun(ref.job_id, folder, { ageMs: 9 * dayMs }),
    halfRun(ref.job_id, folder, { ageMs: dayMs }),
    halfRun(ref.job_id, folder, { ageMs: 9 * dayMs }),
    halfRun(ref.job_id, folder, { ageMs: 9 * dayMs, hubId: 'theirs' }),
  ]
  // The object is new still: only its own time can say that it is not.
  const touch = (runId: string) => {
    const file = path.join(folder, ref.job_id, runId, 'run.json')
    const at = new Date(Date.now() - 9 * dayMs)
    utimesSync(file, at, at)
  }
  const clean = async (...runIds: string[]) =>
    (
      await node.ask<'cleanup.run'>({
        kind: 'cleanup.run',
        ...named,
        older_than_at: Date.now() - 7 * dayMs,
        runs: runIds.map((run_id) => ({ job_id: ref.job_id, run_id })),
      })
    ).results
  expect(await clean(old)).toEqual([{ run_id: old, result: 'kept', why: 'too_new' }])
  for (const runId of [old, alive, theirs]) touch(runId)
  const runDirectory = path.join(node.folder, 'data', 'runs', alive)
  mkdirSync(runDirectory, { recursive: true })
  writeFileSync(path.join(runDirectory, 'plan.json'), '{}')
  const lock = createFileLocker()!(path.join(runDirectory, 'lock'))!
  const results = await clean(old, young, alive, theirs, ref.run_id)
  expect(results).toContainEqual({ run_id: old, result: 'removed', objects: 1, bytes: expect.any(Number) })
  expect(results).toContainEqual({ run_id: young, result: 'kept', why: 'too_new' })
  expect(results).toContainEqual({ run_id: alive, result: 'kept', why: 'alive' })
  expect(results).toContainEqual({ run_id: theirs, result: 'failed', touched: false, error: expect.objectContaining({ code: 'conflict' }) })
  expect(results).toContainEqual({ run_id: ref.run_id, result: 'kept', why: 'complete' })
  lock[Symbol.dispose]()
  expect(await clean(alive)).toEqual([expect.objectContaining({ result: 'removed' })])
  expect(readdirSync(path.join(folder, ref.job_id)).toSorted()).toEqual([young, theirs, ref.run_id].toSorted())
})

test('an artifact is checked: whole, damaged, without its marker, gone', async () => {
  await using node = await localNode()
  const stored = await artifactOf(node, { a: randomBytes(3 * 2 ** 20) })
  const { named, ref, directory } = removal(stored)
  const { target, credentials, expected_target_id } = named
  const check = (change: object = {}) =>
    node.ask<'artifact.check'>({ kind: 'artifact.check', target, credentials, expected_target_id, ...ref, ...change })
  expect(await check()).toEqual({ status: 'ok', objects: 2 })
  expect(await check({ manifest_hash: 'f'.repeat(64) })).toMatchObject({
    status: 'damaged',
    why: expect.stringContaining('not the one that was stored'),
  })
  truncateSync(path.join(directory, 'payload.part000001'), 100)
  expect(await check()).toMatchObject({ status: 'damaged', why: expect.stringContaining('has 100 bytes instead of') })
  rmSync(path.join(directory, 'payload.part000001'))
  expect(await check()).toMatchObject({ status: 'damaged', why: 'payload.part000001 is missing' })
  rmSync(path.join(directory, 'complete.json'))
  expect(await check()).toMatchObject({ status: 'damaged', why: expect.stringContaining('no complete.json') })
  rmSync(directory, { recursive: true })
  expect(await check()).toEqual({ status: 'not_there' })
  renameSync(target.path, `${target.path}-unmounted`)
  await expect(check()).rejects.toMatchObject({ code: 'target_identity' })
})

async function scanned(
  node: LocalNode,
  request: { limit: number; only?: 'incomplete'; target: { type: string; path: string }; identities?: string[] },
) {
  const { identities = [], ...rest } = request
  const found: ScannedPlace[] = []
  const pages: NodeReply<'target.scan'>[] = []
  for (let after: string | undefined; ;) {
    const page = await node.ask<'target.scan'>({
      kind: 'target.scan',
      credentials: {},
      identities,
      ...rest,
      ...(after === undefined ? {} : { after }),
    })
    pages.push(page)
    found.push(...page.found)
    if (page.next === null) return { found, pages }
    after = page.next
  }
}

test('a target is looked through in pages: what is whole, damaged, incomplete and foreign, in the same order each time', async () => {
  await using node = await localNode()
  const first = await artifactOf(node, { a: 'a' })
  const second = await artifactOf(node, { b: 'b' })
  const { target } = first.opened
  const folder = target.path
  const half = halfRun('docs', folder, { ageMs: 1000 })
  writeFileSync(path.join(folder, 'docs', first.opened.run_id, 'manifest.json'), '{}')
  mkdirSync(path.join(folder, 'another', uuidv7(5, randomBytes(10))), { recursive: true })
  for (const strange of ['NOT A JOB', 'docs/not-a-run', 'docs/01a1fd05-fef3-705a-a4f8-33b44208a591/x'])
    mkdirSync(path.join(folder, strange), { recursive: true })
  writeFileSync(path.join(folder, 'docs/01a1fd05-fef3-705a-a4f8-33b44208a591/x/y'), '')
  const { found } = await scanned(node, { target, limit: 1000 })
  const byPages = await scanned(node, { target, limit: 1 })
  expect(byPages.pages.length).toBe(found.length)
  expect(byPages.found.map(({ state }) => state)).toEqual(found.map(({ state }) => state))
  expect(found.map(({ state }) => state)).toEqual([
    'foreign',
    'incomplete',
    'foreign',
    ...inRunOrder({
      [first.opened.run_id]: 'damaged',
      [second.opened.run_id]: 'complete',
      [half]: 'incomplete',
      '01a1fd05-fef3-705a-a4f8-33b44208a591': 'foreign',
    }),
  ])
  expect(found[0]).toEqual({ state: 'foreign', path: '', why: 'holds what are no jobs: "NOT A JOB"' })
  expect(found[1]).toMatchObject({ job_id: 'another', hub_id: null, objects: 0 })
  expect(found[2]).toEqual({ state: 'foreign', path: 'docs', why: 'holds what are no runs: "not-a-run"' })
  expect(found.find(({ state }) => state === 'damaged')).toMatchObject({
    run_id: first.opened.run_id,
    hub_id: 'cli',
    why: expect.stringContaining('manifest.json'),
  })
  const whole = found.find((place) => place.state === 'complete')
  const manifestHash = (
    JSON.parse(readFileSync(path.join(folder, 'docs', second.opened.run_id, 'complete.json'), 'utf8')) as { manifest_hash: string }
  ).manifest_hash
  expect(whole).toMatchObject({
    run_id: second.opened.run_id,
    hub_id: 'cli',
    artifact: { manifest_hash: manifestHash, encrypted: true, format: 'archive_v1' },
  })
  expect(whole?.job).toBeUndefined()
  const withKey = await scanned(node, { target, limit: 1000, identities: second.opened.identities })
  expect(withKey.found.find((place) => place.state === 'complete')?.job).toMatchObject({ name: 'docs', spec: { source: { type: 'filesystem' } } })
  const { found: incomplete } = await scanned(node, { target, limit: 2, only: 'incomplete' })
  expect(incomplete.map(({ state }) => state).filter((state) => state !== 'foreign')).toEqual(['incomplete', 'incomplete'])
  await expect(scanned(node, { target: { type: 'local_dir', path: path.join(folder, 'docs') }, limit: 10 })).rejects.toMatchObject({
    code: 'target_identity',
  })
})

function inRunOrder(states: Record<string, string>): string[] {
  return Object.keys(states)
    .toSorted()
    .map((runId) => states[runId]!)
}
