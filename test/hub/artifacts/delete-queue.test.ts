import { setTimeout as wait } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { BastionError } from '../../../src/core/errors.ts'
import { codedFailure } from '../../../src/core/work-state.ts'
import { type DeleteCase, type DeleteResult, openDeleteCase } from '../../support/delete-case.ts'
import { someTime } from '../../support/hub-records.ts'

const minute = 60_000
const hour = 60 * minute

const removed = (run_id: string): DeleteResult => ({ run_id, result: 'removed', objects: 7, bytes: 400 })
const notThere = (run_id: string): DeleteResult => ({ run_id, result: 'not_there' })
const failed =
  (code: Parameters<typeof codedFailure>[0], touched = false) =>
  (run_id: string): DeleteResult => ({
    run_id,
    result: 'failed',
    error: codedFailure(code, `it says ${code}`),
    touched,
  })

/** Asked for by a person, all but the newest of the job, which stays. */
async function request(place: DeleteCase, runIds: readonly string[]): Promise<void> {
  const results = await place.deletion.requestDelete({ runIds, force: true, by: 'person', fieldsOf: () => ({ user: 'ada' }) })
  expect(results.map(({ result }) => result)).toEqual(runIds.map(() => 'queued'))
}

const task = async (place: DeleteCase, runId: string) => (await place.store.deleteTasks.get(runId))!

/** until the queue has worked off what it has begun */
async function settled(place: DeleteCase, runId: string, status: string): Promise<void> {
  while ((await task(place, runId)).status !== status) await wait(5)
}

test('a delete is asked for where the artifact is, and told line by line', async () => {
  await using place = await openDeleteCase()
  const node = await place.connect()
  const [first] = await place.add(2)
  await request(place, [first!])
  expect(await place.store.artifacts.get(first!)).toMatchObject({ status: 'deleting' })
  await place.queue.tick()
  const { request: asked, answer } = await place.asked(node)
  expect(asked).toEqual({
    kind: 'artifact.delete',
    target: { type: 'local_dir', path: '/backups' },
    credentials: {},
    expected_target_id: 'target-1',
    hub_id: 'hub-1',
    artifacts: [{ run_id: first, job_id: 'job-0', force: true }],
  })
  answer(removed)
  await place.reaches(first!, 'deleted')
  expect(await place.store.artifacts.get(first!)).toMatchObject({ deleted_at: someTime, last_error: null, last_attempt_at: someTime })
  expect(await task(place, first!)).toMatchObject({ status: 'done', claimed_by: null, lease_until: null })
  expect((await place.store.deleteTasks.events(first!, 0, 10)).map(({ kind, level, fields }) => ({ kind, level, fields }))).toEqual([
    { kind: 'requested', level: 'info', fields: { by: 'person', force: true, user: 'ada' } },
    { kind: 'started', level: 'info', fields: { attempt: 1 } },
    { kind: 'deleted', level: 'info', fields: { objects: 7, bytes: 400 } },
  ])
})

test('a target that is away for three attempts is asked a fourth time: after 1, 2 and 4 minutes, and not before', async () => {
  await using place = await openDeleteCase()
  const node = await place.connect()
  const [first] = await place.add(2)
  await request(place, [first!])
  for (const minutes of [1, 2, 4]) {
    await place.queue.tick()
    ;(await place.asked(node)).refuse('target_unreachable')
    await settled(place, first!, 'retrying')
    expect(await task(place, first!)).toMatchObject({
      next_attempt_at: place.clock.now() + minutes * minute,
      last_error_kind: 'network',
      touched: false,
    })
    expect(await place.store.artifacts.get(first!)).toMatchObject({ status: 'deleting', last_error: { code: 'target_unreachable' } })
    place.clock.advance(minutes * minute - 1)
    expect(await place.queue.tick()).toBe(place.clock.now() + 1)
    place.clock.advance(1)
  }
  await place.queue.tick()
  ;(await place.asked(node)).answer(removed)
  await place.reaches(first!, 'deleted')
  expect(await place.log(first!)).toEqual(['requested', ...[1, 2, 3].flatMap(() => ['started', 'retry_scheduled']), 'started', 'deleted'])
})

test.each(['target_auth', 'target_identity'] as const)(
  '%s blocks: nothing is marked gone, it is looked at every 6 hours, and at once when a person asks',
  async (code) => {
    await using place = await openDeleteCase()
    const node = await place.connect()
    const [first, second] = await place.add(3)
    await request(place, [first!, second!])
    await place.queue.tick()
    ;(await place.asked(node)).refuse(code)
    await place.reaches(first!, 'error')
    await place.reaches(second!, 'error')
    expect(await task(place, first!)).toMatchObject({ status: 'blocked', attempts: 0, touched: false, next_attempt_at: someTime + 6 * hour })
    place.clock.advance(6 * hour)
    await place.queue.tick()
    ;(await place.asked(node)).refuse(code)
    await settled(place, second!, 'blocked')
    await place.deletion.retryNow(first!, { user: 'ada' })
    await place.queue.tick()
    const again = await place.asked(node)
    expect(again.request.artifacts.map(({ run_id }) => run_id)).toEqual([first])
    again.answer(removed)
    await place.reaches(first!, 'deleted')
    expect(await place.log(first!)).toEqual(['requested', 'started', 'blocked', 'started', 'blocked', 'retry_now', 'started', 'deleted'])
  },
)

test('somebody else’s directory in the way blocks that one and no other', async () => {
  await using place = await openDeleteCase()
  const node = await place.connect()
  const [first, second] = await place.add(3)
  await request(place, [first!, second!])
  await place.queue.tick()
  ;(await place.asked(node)).answer((runId) => (runId === first ? failed('conflict')(runId) : removed(runId)))
  await place.reaches(second!, 'deleted')
  expect(await task(place, first!)).toMatchObject({ status: 'blocked', last_error_kind: 'foreign' })
})

test('a node that is not there is waited for: no attempt, one line, and at once when it is back', async () => {
  await using place = await openDeleteCase()
  const [first] = await place.add(2, { node_id: 'cellar' })
  await request(place, [first!])
  for (let look = 0; look < 3; look++) {
    await place.queue.tick()
    while ((await task(place, first!)).last_error_kind !== 'node_offline') await wait(5)
  }
  expect(await task(place, first!)).toMatchObject({ status: 'queued', attempts: 0, next_attempt_at: someTime })
  expect((await place.store.artifacts.get(first!))?.last_error?.message).toContain('cellar')
  const node = await place.connect('cellar')
  await place.queue.tick()
  ;(await place.asked(node)).answer(removed)
  await place.reaches(first!, 'deleted')
  expect(await place.log(first!)).toEqual(['requested', 'waiting', 'started', 'deleted'])
})

test('a folder is deleted by its own node alone; anything else by whoever has the credentials', async () => {
  await using place = await openDeleteCase()
  const node = await place.connect('attic')
  const webdav = { type: 'webdav', base_url: 'https://dav.example.org/b', timeout_s: 60, secret_name: 'dav' } as const
  const [folder] = await place.add(2, { node_id: 'cellar' })
  const [remote] = await place.add(2, { node_id: 'cellar', target_id: 'target-2', target_snapshot: webdav })
  const [other] = await place.add(2, { node_id: 'cellar', target_id: 'target-3', target_snapshot: { ...webdav, secret_name: 'unknown' } })
  await place.store.secrets.put({ node_id: 'attic', name: 'dav', kind: 'webdav', sealed: new Uint8Array(), created_at: 1, updated_at: 1 })
  await request(place, [folder!, remote!, other!])
  await place.queue.tick()
  const asked = await place.asked(node)
  expect(asked.request).toMatchObject({ expected_target_id: 'target-2', target: { type: 'webdav' }, artifacts: [{ run_id: remote }] })
  asked.answer(removed)
  await place.reaches(remote!, 'deleted')
  for (const runId of [folder!, other!]) {
    while ((await task(place, runId)).last_error_kind === null) {
      await place.queue.tick()
      await wait(5)
    }
    expect(await task(place, runId)).toMatchObject({ status: 'queued', last_error_kind: 'node_offline' })
  }
})

test('a worker that dies gives its tasks back, and what it removed counts as deleted, not as missing', async () => {
  await using place = await openDeleteCase()
  const node = await place.connect()
  const [first] = await place.add(2)
  await request(place, [first!])
  await place.queue.tick()
  const late = await place.asked(node)
  place.crash()
  await place.queue.tick()
  const second = await place.asked(node)
  // Whoever is no longer in charge is not heard.
  late.answer(failed('target_auth'))
  second.answer(notThere)
  await place.reaches(first!, 'deleted')
  expect(await place.log(first!)).toEqual(['requested', 'started', 'interrupted', 'started', 'deleted'])
})

test('a Hub that stops in the middle of deleting gives back what it has begun', async () => {
  await using place = await openDeleteCase()
  const node = await place.connect()
  const [first] = await place.add(2)
  await request(place, [first!])
  await place.queue.tick()
  await place.asked(node)
  await place.queue[Symbol.asyncDispose]()
  expect(await task(place, first!)).toMatchObject({ status: 'retrying', touched: true, claimed_by: null, attempts: 0, next_attempt_at: someTime })
})

test('a node that leaves in the middle, or forgets to answer for one, may have removed something', async () => {
  await using place = await openDeleteCase()
  const node = await place.connect()
  const [first, second] = await place.add(3)
  await request(place, [first!, second!])
  await place.queue.tick()
  await place.asked(node)
  node.close()
  await settled(place, first!, 'retrying')
  expect(await task(place, first!)).toMatchObject({ touched: true, attempts: 0, last_error_kind: 'node_offline' })
  const back = await place.connect()
  await place.queue.tick()
  const { request: asked } = await place.asked(back)
  expect(asked.artifacts).toHaveLength(2)
})

test('credentials that are not there block without the node being asked', async () => {
  const vault = { credentialsFor: () => Promise.reject(new BastionError('not_found', 'the node hub has no secret dav')) }
  await using place = await openDeleteCase({ vault })
  const node = await place.connect()
  const [first] = await place.add(2)
  await request(place, [first!])
  await place.queue.tick()
  await place.reaches(first!, 'error')
  expect(await task(place, first!)).toMatchObject({ status: 'blocked', last_error_kind: 'config', touched: false })
  expect(node.received.map(({ type }) => type)).toEqual(['hub.welcome'])
})

test('ten that are gone are believed; with the eleventh of the day on a target a person is asked, and nothing is marked missing until then', async () => {
  await using place = await openDeleteCase()
  const node = await place.connect()
  const first = await place.add(11)
  const rest = await place.add(6)
  const elsewhere = await place.add(2, { target_id: 'target-2' })
  await request(place, first.slice(0, 10))
  await place.queue.tick()
  ;(await place.asked(node)).answer(notThere)
  for (const runId of first.slice(0, 10)) await place.reaches(runId, 'missing')

  place.clock.advance(hour)
  await request(place, [...rest.slice(0, 5), elsewhere[0]!])
  await place.queue.tick()
  for (let at = 0; at < 2; at++) {
    const { request: asked, answer } = await place.asked(node)
    answer((runId) => (runId === rest[0] || asked.expected_target_id === 'target-2' ? removed(runId) : notThere(runId)))
  }
  await place.reaches(elsewhere[0]!, 'deleted')
  await place.reaches(rest[0]!, 'deleted')
  for (const runId of rest.slice(1, 5)) await place.reaches(runId, 'error')
  expect(await task(place, rest[1]!)).toMatchObject({ status: 'blocked', last_error_kind: 'missing_held', next_attempt_at: null })
  expect((await place.store.artifacts.get(rest[1]!))?.last_error?.message).toContain('14 artifacts')
  expect(await place.store.deleteTasks.holds()).toMatchObject([{ target_id: 'target-1', artifacts: 4 }])

  // Days later nobody has come; one is looked at again and found to be there no more: it is held with the others.
  place.clock.advance(48 * hour)
  await place.deletion.retryNow(rest[1]!, {})
  await place.queue.tick()
  ;(await place.asked(node)).answer(notThere)
  await settled(place, rest[1]!, 'blocked')
  expect(await place.deletion.believeMissing('target-1', { user: 'ada' })).toBe(4)
  await place.queue.tick()
  const last = await place.asked(node)
  expect(last.request.artifacts).toHaveLength(4)
  last.answer((runId) => (runId === rest[2] ? removed(runId) : notThere(runId)))
  for (const runId of [rest[1]!, rest[3]!, rest[4]!]) await place.reaches(runId, 'missing')
  await place.reaches(rest[2]!, 'deleted')
  expect(await place.log(rest[3]!)).toEqual(['requested', 'started', 'held', 'confirmed', 'started', 'missing'])
})

test('what is pinned stays without force, the newest good one too, and retention takes nothing but what is present', async () => {
  await using place = await openDeleteCase()
  const [old, pinned, suspect, newest] = await place.add(4)
  await place.store.artifacts.change(pinned!, 'present', { pinned_at: someTime })
  await place.store.artifacts.change(suspect!, 'present', { status: 'error', last_error_kind: 'damaged' })
  const all = [old!, pinned!, suspect!, newest!, 'nowhere']
  const ask = async (by: 'person' | 'retention' | 'archive', force: boolean, runIds = all) =>
    (await place.deletion.requestDelete({ runIds, force, by })).map(({ result }) => result)
  expect(await ask('retention', true)).toEqual(['queued', 'pinned', 'unwanted', 'newest_good', 'not_found'])
  expect(await ask('retention', false)).toEqual(['unwanted', 'pinned', 'unwanted', 'newest_good', 'not_found'])
  expect(await ask('person', false)).toEqual(['already', 'pinned', 'queued', 'newest_good', 'not_found'])
  expect(await ask('archive', true, [pinned!, newest!])).toEqual(['pinned', 'queued'])
  expect(await ask('person', true, [pinned!])).toEqual(['queued'])
  expect(await place.store.deleteTasks.get(pinned!)).toMatchObject({ force: true, requested_by: 'person' })
  expect(await place.store.deleteTasks.get(newest!)).toMatchObject({ force: false, requested_by: 'archive' })
  expect(await place.log(old!)).toEqual(['requested'])
})

test('one that is ignored is out of the way until somebody wants it back', async () => {
  await using place = await openDeleteCase()
  const node = await place.connect()
  const [first] = await place.add(2)
  await request(place, [first!])
  await place.queue.tick()
  const asked = await place.asked(node)
  await expect(place.deletion.ignore(first!, {})).rejects.toMatchObject({ code: 'conflict' })
  asked.refuse('target_auth')
  await place.reaches(first!, 'error')
  await place.deletion.ignore(first!, { user: 'ada' })
  expect(await place.store.artifacts.get(first!)).toMatchObject({ status: 'error', ignored_at: someTime })
  place.clock.advance(48 * hour)
  expect(await place.queue.tick()).toBeNull()
  expect(await place.store.deleteTasks.failingTargets()).toEqual([])
  await place.deletion.unignore(first!, {})
  expect(await place.store.artifacts.get(first!)).toMatchObject({ status: 'deleting', ignored_at: null })
  await expect(place.deletion.unignore(first!, {})).rejects.toMatchObject({ code: 'conflict' })
  await expect(place.deletion.retryNow('nowhere', {})).rejects.toMatchObject({ code: 'not_found' })
})
