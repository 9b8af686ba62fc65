import { randomBytes } from 'node:crypto'
import { cpSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { newDeleteTask } from '../../../src/core/delete-task.ts'
import type { DeleteTaskStatus } from '../../../src/core/delete-task-status.ts'
import { uuidv7 } from '../../../src/core/ids.ts'
import { openExecutor } from '../../../src/executor/executor.ts'
import { type Hub, localNodeId } from '../../../src/hub/hub.ts'
import { createMemoryLink } from '../../../src/protocol/memory-link.ts'
import { createMemoryStreams } from '../../../src/protocol/memory-streams.ts'
import { openHub } from '../../support/hub-case.ts'
import { aJobSpec, aRun } from '../../support/hub-records.ts'
import { bastionRunner } from '../../support/bastion-program.ts'
import { temporaryFolder } from '../../support/temporary-folder.ts'

const day = 24 * 60 * 60_000
const newId = (at = Date.now()) => uuidv7(at, randomBytes(10))

/** A Hub with its node, a job and one artifact of it. The Hub's clock is ahead as far as a test wants. */
async function openCase() {
  await using opened = new AsyncDisposableStack()
  const folder = opened.use(await temporaryFolder())
  const source = path.join(folder.path, 'source')
  mkdirSync(source)
  writeFileSync(path.join(source, 'a'), 'a')
  const target = path.join(folder.path, 'target')
  let aheadMs = 0
  const clock = { now: () => Date.now() + aheadMs }
  const problems: string[] = []
  const hub: Hub = opened.use(await openHub(folder.path, { clock }))
  const executor = opened.use(
    await openExecutor({
      dataDir: path.join(folder.path, 'data'),
      runnerCommand: bastionRunner,
      policy: { browseRoots: ['/'], snapshotRoots: [] },
      streams: createMemoryStreams(),
      version: '0.0.0',
      clock: { now: () => Date.now() },
      report: (problem) => problems.push(problem),
    }),
  )
  /** The Hub looks when its node comes. */
  const connect = async () => {
    const link = createMemoryLink()
    hub.connect(localNodeId, link.hub)
    await executor.connect(link.node)
  }
  await connect()
  const jobId = await hub.jobs.create(aJobSpec({ source: { type: 'filesystem', paths: [source] }, target: { type: 'local_dir', path: target } }))
  const { run_id: runId } = await hub.dispatch.request(jobId)
  while ((await hub.store.artifacts.get(runId)) === null) await wait(20)
  const at = (...names: string[]) => path.join(target, ...names)

  const kept = opened.move()
  return {
    hub,
    jobId,
    runId,
    problems,
    at,
    /** @returns when the Hub has looked through the target, `days` later */
    async look(days: number) {
      aheadMs += days * day
      const before = clock.now()
      await connect()
      while (((await hub.store.incompleteRuns.places())[0]?.looked_at ?? 0) < before) await wait(20)
    },
    /** As a run leaves it that was killed before its end. */
    leave(run: string, change: Record<string, unknown> = {}) {
      cpSync(at(jobId, runId), at(jobId, run), { recursive: true })
      rmSync(at(jobId, run, 'complete.json'))
      const marker = JSON.parse(readFileSync(at(jobId, runId, 'run.json'), 'utf8')) as Record<string, unknown>
      writeFileSync(at(jobId, run, 'run.json'), JSON.stringify({ ...marker, run_id: run, ...change }))
      return run
    },
    async addRun(state: 'failed' | 'queued') {
      const run = aRun({ id: jobId }, { id: newId(), state, ended_at: state === 'failed' ? Date.now() : null, not_before: Date.now() + 100 * day })
      await hub.store.runs.insert(run)
      return run.id
    },
    async becomes(run: string, status: DeleteTaskStatus) {
      while ((await hub.store.cleanupTasks.get(run))?.status !== status) await wait(20)
    },
    async log(run: string) {
      return (await hub.store.cleanupTasks.events(run, 0, 100)).map(({ kind }) => kind)
    },
    [Symbol.asyncDispose]: () => kept.disposeAsync(),
  }
}

test('what runs have left is removed a week later, and nothing else', async () => {
  await using place = await openCase()
  const { hub, jobId, runId, at, leave } = place
  const unknown = leave(newId())
  const failed = leave(await place.addRun('failed'))
  const emptied = await place.addRun('failed')
  mkdirSync(at(jobId, emptied))

  const damaged = await place.addRun('failed')
  await hub.store.artifacts.insert({ ...(await hub.store.artifacts.get(runId))!, run_id: damaged })
  leave(damaged)
  const waiting = leave(await place.addRun('queued'))
  const ofAnother = leave(newId(), { hub_id: 'another' })
  const young = leave(newId(Date.now() + 2 * day))
  const nobodys = newId()
  mkdirSync(at(jobId, nobodys))
  const foreign = newId()
  mkdirSync(at(jobId, foreign))
  writeFileSync(at(jobId, foreign, 'notes.txt'), 'mine')
  const staying = [runId, damaged, waiting, ofAnother, young, nobodys, foreign].toSorted()

  await place.look(6)
  expect((await hub.store.incompleteRuns.list({}, { limit: 10 })).items).toEqual([])
  await place.look(2)
  for (const run of [unknown, failed, emptied]) await place.becomes(run, 'done')
  expect(readdirSync(at(jobId)).toSorted()).toEqual(staying)
  expect(await place.log(unknown)).toEqual(['requested', 'started', 'deleted'])
  expect((await hub.store.incompleteRuns.list({ status: 'done' }, { limit: 10 })).items.map(({ run_id }) => run_id).toSorted()).toEqual(
    [unknown, failed, emptied].toSorted(),
  )
  expect(await hub.store.incompleteRuns.get(unknown)).toMatchObject({ job_id: jobId, bytes: expect.any(Number), target: { type: 'local_dir' } })
  expect((await hub.store.deleteTasks.counts()).status.done).toBe(0)

  // What is there again is removed again, and what was young grows old.
  leave(unknown)
  await place.look(1)
  for (const run of [unknown, young]) await place.becomes(run, 'done')
  expect(readdirSync(at(jobId)).toSorted()).toEqual(staying.filter((run) => run !== young))
  expect(place.problems).toEqual([])
})

test('another disk in its place blocks it; ignored it is out of the way; taken up again it is removed, unless it is an artifact by then', async () => {
  await using place = await openCase()
  const { hub, jobId, runId, at, leave } = place
  const { target_id } = (await hub.store.artifacts.get(runId))!
  const known = async (run: string) => {
    const facts = { target_snapshot: { type: 'local_dir', path: at() } as const, objects: 1, bytes: 1, last_sign_at: 1, found_at: 1 }
    await hub.store.incompleteRuns.insert(run, facts)
    const task = newDeleteTask({ run_id: run, job_id: jobId, node_id: 'hub', target_id }, { force: false, by: 'cleanup', now: 1 })
    await hub.store.cleanupTasks.insert({ ...task, status: 'ignored', next_attempt_at: null })
    return run
  }
  await place.look(8)
  const left = await known(leave(newId()))
  const whole = await known(leave(newId()))
  cpSync(at(jobId, runId, 'complete.json'), at(jobId, whole, 'complete.json'))

  const identity = readFileSync(at('bastion-target.json'), 'utf8')
  writeFileSync(at('bastion-target.json'), identity.replace(target_id, 'another'))
  await hub.cleanups.unignore(left, { user: 'ada' })
  await place.becomes(left, 'blocked')
  expect(await hub.store.incompleteRuns.get(left)).toMatchObject({ last_error_kind: 'identity', last_error: { code: 'target_identity' } })
  // Retention goes by deletes of artifacts.
  expect(await hub.store.deleteTasks.failingTargets()).toEqual([])
  await hub.cleanups.ignore(left, { user: 'ada' })
  expect((await hub.store.incompleteRuns.list({}, { limit: 10 })).items).toEqual([])

  writeFileSync(at('bastion-target.json'), identity)
  for (const run of [left, whole]) await hub.cleanups.unignore(run, { user: 'ada' })
  await place.becomes(left, 'done')
  while ((await hub.store.incompleteRuns.get(whole)) !== null) await wait(20)
  expect(readdirSync(at(jobId)).toSorted()).toEqual([runId, whole].toSorted())
  expect(await place.log(left)).toEqual(['unignored', 'started', 'blocked', 'ignored', 'unignored', 'started', 'deleted'])
})
