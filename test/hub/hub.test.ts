import { expect, test } from 'vitest'
import type { Hub } from '../../src/hub/hub.ts'
import type { LiveMessage } from '../../src/protocol/live-messages.ts'
import { createFakeClock } from '../support/fake-clock.ts'
import { createFakeNode, someEvents, storedOutcome } from '../support/fake-node.ts'
import { aJobSpec, someTime } from '../support/hub-records.ts'
import { openHub } from '../support/hub-case.ts'
import { temporaryFolder } from '../support/temporary-folder.ts'

const minute = 60_000

/** Resolves with the next message of a topic that `wanted` likes. */
function told(hub: Hub, topic: Parameters<Hub['live']['subscribe']>[0], wanted: (message: LiveMessage) => boolean): Promise<LiveMessage> {
  return new Promise((resolve) => {
    const subscription = hub.live.subscribe(topic, (message) => {
      if (!wanted(message)) return
      subscription[Symbol.dispose]()
      resolve(message)
    })
  })
}

test('a job of a new Hub runs when its time has come, and who listens is told of every step', async () => {
  await using folder = await temporaryFolder()
  const clock = createFakeClock(someTime)
  const { hub: link, node } = createFakeNode()
  await using hub = await openHub(folder.path, { clock, link })
  node.hello()
  await node.next('hub.welcome')
  const seen: string[] = []
  using _runs = hub.live.subscribe('runs', (message) => {
    if (message.type === 'run.changed') seen.push(message.run.state)
  })
  const id = await hub.jobs.create(aJobSpec({ schedule: '* * * * *' }))
  clock.advance(minute)
  await hub.jobs.update(id, aJobSpec({ schedule: '* * * * *', name: 'renamed' }))
  const { plan } = await node.next('run.offer')
  expect(plan).toMatchObject({ job_id: id, job_name: 'renamed', hub_id: hub.hubId })
  const finished = told(hub, `run:${plan.run_id}`, (message) => message.type === 'run.changed' && message.run.state === 'finished')
  const event = told(hub, `run:${plan.run_id}`, (message) => message.type === 'run.event' && message.event.kind === 'started')
  node.send({ type: 'run.accepted', run_id: plan.run_id })
  node.send({ type: 'run.events', run_id: plan.run_id, first_seq: 1, events: someEvents('started') })
  node.send({ type: 'run.finished', run_id: plan.run_id, last_seq: 1, outcome: storedOutcome })
  expect(await event).toMatchObject({ event: { seq: 3 } })
  expect(await finished).toMatchObject({ run: { fire_at: someTime + minute, status: 'success' } })
  expect(seen).toEqual(['queued', 'dispatched', 'running', 'finished'])
  expect((await hub.store.jobs.describe(id))?.last_run).toMatchObject({ id: plan.run_id, state: 'finished' })
})

test('a Hub that ends leaves runs alone, and is the same Hub when it starts again', async () => {
  await using folder = await temporaryFolder()
  const clock = createFakeClock(someTime)
  let runId: string
  let hubId: string
  {
    const { hub: link, node } = createFakeNode()
    await using hub = await openHub(folder.path, { clock, link })
    hubId = hub.hubId
    node.hello()
    const id = await hub.jobs.create(aJobSpec())
    runId = (await hub.dispatch.request(id)).run_id
    await node.next('run.offer')
    const running = told(hub, 'runs', (message) => message.type === 'run.changed' && message.run.state === 'running')
    node.send({ type: 'run.accepted', run_id: runId })
    await running
  }
  const { hub: link, node } = createFakeNode()
  await using hub = await openHub(folder.path, { clock, link })
  expect(hub.hubId).toBe(hubId)
  expect((await hub.store.runs.get(runId))?.state).toBe('running')
  node.hello([{ run_id: runId, last_seq: 0, ended: false }])
  expect(await node.next('run.attach')).toMatchObject({ run_id: runId, after_seq: 0 })
})

test('two Hubs in one process know nothing of each other', async () => {
  await using folder = await temporaryFolder()
  await using other = await temporaryFolder()
  const clock = createFakeClock(someTime)
  await using a = await openHub(folder.path, { clock })
  await using b = await openHub(other.path, { clock })
  await a.jobs.create(aJobSpec())
  expect(a.hubId).not.toBe(b.hubId)
  expect((await b.store.jobs.list({}, { limit: 10 })).items).toEqual([])
})

test('an archived job stands still, its waiting run is canceled, and it goes on when it is taken back', async () => {
  await using folder = await temporaryFolder()
  const clock = createFakeClock(someTime)
  await using hub = await openHub(folder.path, { clock })
  const id = await hub.jobs.create(aJobSpec({ schedule: '0 3 * * *' }))
  expect((await hub.store.jobs.get(id))?.next_run_at).toBe(Date.parse('2026-03-02T03:00Z'))
  const { run_id } = await hub.dispatch.request(id)
  await hub.jobs.archive(id)
  expect((await hub.store.runs.get(run_id))?.state).toBe('canceled')
  expect(await hub.store.jobs.get(id)).toMatchObject({ archived_at: someTime, next_run_at: null })
  await hub.jobs.update(id, aJobSpec({ schedule: '0 4 * * *' }))
  expect((await hub.store.jobs.get(id))?.next_run_at).toBeNull()
  await hub.jobs.unarchive(id)
  expect(await hub.store.jobs.get(id)).toMatchObject({ archived_at: null, next_run_at: Date.parse('2026-03-02T04:00Z') })
})

test('a job that has run is not removed, one that has not is', async () => {
  await using folder = await temporaryFolder()
  await using hub = await openHub(folder.path, { clock: createFakeClock(someTime) })
  const used = await hub.jobs.create(aJobSpec())
  await hub.dispatch.request(used)
  await expect(hub.jobs.remove(used)).rejects.toMatchObject({ code: 'conflict' })
  const unused = await hub.jobs.create(aJobSpec())
  await hub.jobs.remove(unused)
  await expect(hub.jobs.remove(unused)).rejects.toMatchObject({ code: 'not_found' })
})

test('a job that writes elsewhere forgets the target it knew; one that only has another name does not', async () => {
  await using folder = await temporaryFolder()
  await using hub = await openHub(folder.path, { clock: createFakeClock(someTime) })
  const id = await hub.jobs.create(aJobSpec())
  await hub.store.jobs.learnTarget(id, 'target-1')
  await hub.store.jobs.learnTarget(id, 'target-2')
  await hub.jobs.update(id, aJobSpec({ name: 'renamed' }))
  expect((await hub.store.jobs.get(id))?.target_id).toBe('target-1')
  await hub.jobs.update(id, aJobSpec({ target: { type: 'local_dir', path: '/elsewhere' } }))
  expect((await hub.store.jobs.get(id))?.target_id).toBeNull()
})
