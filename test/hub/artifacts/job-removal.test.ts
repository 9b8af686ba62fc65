import { randomBytes } from 'node:crypto'
import { expect, test } from 'vitest'
import { uuidv7 } from '../../../src/core/ids.ts'
import { createAnnouncedChanges } from '../../../src/hub/announced-changes.ts'
import { createRunPruning } from '../../../src/hub/artifacts/run-pruning.ts'
import { createJobService } from '../../../src/hub/jobs/job-service.ts'
import { createLiveEvents } from '../../../src/hub/live-events.ts'
import { type DeleteCase, openDeleteCase } from '../../support/delete-case.ts'
import { aRun, anId, someTime } from '../../support/hub-records.ts'

const day = 24 * 60 * 60_000

function servicesOf({ store, clock, deletion }: DeleteCase) {
  const changes = createAnnouncedChanges({ store, live: createLiveEvents() })
  const newId = () => uuidv7(clock.now(), randomBytes(10))
  return {
    jobs: createJobService({ store, changes, clock, newId, deletion, onSchedule() {}, cancel: async () => {} }),
    pruning: createRunPruning({ store, changes, clock, historyDays: () => 180 }),
  }
}

test('a run is forgotten after 180 days, never while its artifact may still be there, and never the last one of its job', async () => {
  await using place = await openDeleteCase()
  const { store, clock } = place
  const { pruning } = servicesOf(place)
  const [present, deleting, failing, ignored, deleted, missing, last] = await place.add(7)
  await store.artifacts.change(deleting!, 'present', { status: 'deleting' })
  await store.artifacts.change(failing!, 'present', { status: 'error' })
  await store.artifacts.change(ignored!, 'present', { status: 'error', ignored_at: someTime })
  await store.artifacts.change(deleted!, 'present', { status: 'deleted', deleted_at: someTime })
  await store.artifacts.change(missing!, 'present', { status: 'missing', deleted_at: someTime })
  await store.artifacts.change(last!, 'present', { status: 'deleted', deleted_at: someTime })
  const young = aRun({ id: 'job-0' }, { id: anId(someTime - 1, 'young'), state: 'failed', ended_at: someTime + day })
  const unended = aRun({ id: 'job-0' }, { id: anId(someTime - 2, 'unended'), state: 'running' })
  await store.runs.insert(young)
  await store.runs.insert(unended)

  clock.set(someTime + 180 * day)
  expect(await pruning.prune()).toBe(0)
  clock.advance(10)
  expect(await pruning.prune()).toBe(3)
  const left = (await store.runs.list({}, { limit: 50 })).items.map(({ id }) => id)
  expect(new Set(left)).toEqual(new Set([unended.id, young.id, present, deleting, failing, last]))
  expect(await store.artifacts.get(ignored!)).toBeNull()
  expect(await pruning.prune()).toBe(0)
})

test('many runs are forgotten, some at a time, and those between them that must stay do', async () => {
  await using place = await openDeleteCase()
  const { store, clock } = place
  const { pruning } = servicesOf(place)
  const ids = await place.add(450)
  for (const [at, id] of ids.entries()) if (at % 10 !== 0) await store.artifacts.change(id, 'present', { status: 'deleted', deleted_at: someTime })
  clock.set(someTime + 200 * day)
  expect(await pruning.prune()).toBe(450 - 45 - 1)
})

test('a job is removed with its history; while it has artifacts somebody must say what becomes of them', async () => {
  await using place = await openDeleteCase()
  const { store } = place
  const { jobs } = servicesOf(place)
  const [first] = await place.add(2)
  await expect(jobs.remove('job-0')).rejects.toMatchObject({ code: 'conflict', hint: expect.stringContaining('artifacts=keep') })
  expect(await jobs.remove('job-0', 'keep')).toBe('removed')
  expect(await store.artifacts.get(first!)).toBeNull()
  await expect(jobs.remove('job-0')).rejects.toMatchObject({ code: 'not_found' })

  await place.add(1)
  await store.runs.insert(aRun({ id: 'job-1' }, { id: anId(someTime + 9, 'under way'), state: 'running' }))
  await expect(jobs.remove('job-1', 'keep')).rejects.toMatchObject({ code: 'conflict', message: expect.stringContaining('has not ended') })
})

test('a job that is removed with its artifacts goes with the last of them, and not before', async () => {
  await using place = await openDeleteCase()
  const { store } = place
  const { jobs, pruning } = servicesOf(place)
  const node = await place.connect()
  const [first, second] = await place.add(2)
  await store.artifacts.change(first!, 'present', { pinned_at: someTime })
  await expect(jobs.remove('job-0', 'delete')).rejects.toMatchObject({ code: 'snapshot_pinned' })
  expect((await store.artifacts.get(second!))?.status).toBe('present')
  await store.artifacts.change(first!, 'present', { pinned_at: null })
  expect(await jobs.remove('job-0', 'delete')).toBe('removing')
  expect((await store.jobs.get('job-0'))?.archived_at).toBe(someTime)

  await place.queue.tick()
  ;(await place.asked(node)).answer((run_id) => {
    if (run_id === first) return { run_id, result: 'removed', objects: 1, bytes: 1 }
    return { run_id, result: 'failed', error: { code: 'target_unreachable', message: 'away', hint: 'wait' }, touched: true }
  })
  await place.reaches(first!, 'deleted')
  await pruning.removeJobs()
  expect(await store.jobs.get('job-0')).not.toBeNull()
  place.clock.advance(day)
  await place.queue.tick()
  ;(await place.asked(node)).answer((run_id) => ({ run_id, result: 'not_there' }))
  await place.reaches(second!, 'deleted')
  await pruning.removeJobs()
  expect(await store.jobs.get('job-0')).toBeNull()
})

test('a job put aside may take its artifacts with it, but for those that are pinned', async () => {
  await using place = await openDeleteCase()
  const { store } = place
  const { jobs } = servicesOf(place)
  const ids = await place.add(3)
  await store.artifacts.change(ids[1]!, 'present', { pinned_at: someTime })
  await jobs.archive('job-0', { deleteArtifacts: true })
  const statuses = await Promise.all(ids.map(async (id) => (await store.artifacts.get(id))?.status))
  expect(statuses).toEqual(['deleting', 'present', 'deleting'])
})
