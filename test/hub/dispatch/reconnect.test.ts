import { expect, test } from 'vitest'
import { openDispatchCase } from '../../support/dispatch-case.ts'
import { someEvents, storedOutcome } from '../../support/fake-node.ts'

/** A case with one run that its node has accepted and told one event of. */
async function withRunning() {
  const hub = await openDispatchCase()
  const job = await hub.addJob()
  const node = hub.connect()
  node.hello()
  const { run_id } = await hub.dispatch.request(job.id)
  await node.next('run.offer')
  node.send({ type: 'run.accepted', run_id })
  node.send({ type: 'run.events', run_id, first_seq: 1, events: someEvents('started') })
  await node.next('run.ack')
  return { hub, job, node, run_id }
}

test('a Hub that was away goes on where it was, and the run is the same to whoever reads its events', async () => {
  const { hub, run_id } = await withRunning()
  await using _hub = hub
  await hub.restart()
  const node = hub.connect()
  node.hello([{ run_id, last_seq: 3, ended: true }])
  expect(await node.next('run.attach')).toEqual({ type: 'run.attach', run_id, after_seq: 1 })
  node.send({ type: 'run.events', run_id, first_seq: 2, events: someEvents('packaging', 'complete') })
  node.send({ type: 'run.finished', run_id, last_seq: 3, outcome: storedOutcome })
  await hub.reaches(run_id, 'finished')
  expect(await hub.kinds(run_id)).toEqual(['queued', 'dispatched', 'started', 'packaging', 'complete'])
})

test('a run that its node does not know any more was interrupted, and is tried again', async () => {
  const { hub, job, run_id } = await withRunning()
  await using _hub = hub
  await hub.restart()
  const node = hub.connect()
  node.hello()
  expect(await hub.reaches(run_id, 'failed')).toMatchObject({ error_code: 'interrupted' })
  expect(await hub.kinds(run_id)).toEqual(['queued', 'dispatched', 'started', 'interrupted', 'retry_scheduled'])
  expect(await hub.store.runs.unended(job.id)).toMatchObject([{ retry_of: run_id, attempt: 2 }])
})

test('an offer that never arrived is made again, as it was', async () => {
  await using hub = await openDispatchCase()
  const job = await hub.addJob()
  const before = hub.connect()
  before.hello()
  const { run_id } = await hub.dispatch.request(job.id)
  const offer = await before.next('run.offer')
  await hub.store.jobs.update(job.id, { spec: { ...job.spec, name: 'renamed' }, target_id: null, next_run_at: null, updated_at: 1 })
  await hub.restart()
  const node = hub.connect()
  node.hello()
  expect(await node.next('run.offer')).toEqual(offer)
  expect((await hub.store.runs.get(run_id))?.state).toBe('dispatched')
  expect(await hub.kinds(run_id)).toEqual(['queued', 'dispatched'])
})

test('a run that has told of nothing yet is offered once more, for its runner may wait for the credentials', async () => {
  await using hub = await openDispatchCase({ vault: { credentialsFor: async () => ({ password: 'p' }) } })
  const job = await hub.addJob()
  const before = hub.connect()
  before.hello()
  const { run_id } = await hub.dispatch.request(job.id)
  const offer = await before.next('run.offer')
  expect(offer.credentials).toEqual({ password: 'p' })
  before.send({ type: 'run.accepted', run_id })
  await hub.reaches(run_id, 'running')
  await hub.restart()
  const node = hub.connect()
  node.hello([{ run_id, last_seq: 0, ended: false }])
  expect(await node.next('run.offer')).toEqual(offer)
  expect(await node.next('run.attach')).toMatchObject({ run_id, after_seq: 0 })
})

test('a cancel that was kept before the Hub went away is sent when the node is there again', async () => {
  const { hub, run_id, node: before } = await withRunning()
  await using _hub = hub
  before.close()
  await before.closed
  await hub.dispatch.cancel(run_id)
  await hub.restart()
  const node = hub.connect()
  node.hello([{ run_id, last_seq: 1, ended: false }])
  expect(await node.next('run.attach')).toMatchObject({ after_seq: 1 })
  expect(await node.next('run.cancel')).toMatchObject({ run_id })
})

test('a run that was to be canceled and is gone is canceled', async () => {
  const { hub, run_id } = await withRunning()
  await using _hub = hub
  await hub.dispatch.cancel(run_id)
  await hub.restart()
  const node = hub.connect()
  node.hello()
  await hub.reaches(run_id, 'canceled')
  expect(await hub.kinds(run_id)).toEqual(['queued', 'dispatched', 'started', 'cancel_requested', 'canceled'])
})

test('a node is told to stop what the Hub has given up, and to forget what has ended', async () => {
  const { hub, run_id } = await withRunning()
  await using _hub = hub
  await hub.restart()
  const forgetful = hub.connect()
  forgetful.hello()
  await hub.reaches(run_id, 'failed')
  const node = hub.connect()
  node.hello([{ run_id, last_seq: 2, ended: false }])
  expect(await node.next('run.cancel')).toMatchObject({ run_id })
  node.send({ type: 'run.events', run_id, first_seq: 2, events: someEvents('canceled') })
  node.send({ type: 'run.finished', run_id, last_seq: 2, outcome: { status: 'canceled' } })
  expect(await node.next('run.ack')).toEqual({ type: 'run.ack', run_id, seq: 2, ended: true })
  expect((await hub.store.runs.get(run_id))?.state).toBe('failed')
  const again = hub.connect()
  again.hello([{ run_id, last_seq: 2, ended: true }])
  expect(await again.next('run.ack')).toEqual({ type: 'run.ack', run_id, seq: 2, ended: true })
})

test('the session a node had before is closed by its next one', async () => {
  await using hub = await openDispatchCase()
  const before = hub.connect()
  before.hello()
  await before.next('hub.welcome')
  const node = hub.connect()
  await before.closed
  node.hello()
  await node.next('hub.welcome')
  expect(hub.sessions.connected()).toEqual(['hub'])
})

test('a node that speaks no version of ours is told why and left', async () => {
  await using hub = await openDispatchCase()
  const old = hub.connect('old')
  old.hello([], { protocol_min: 0, protocol_max: 0 })
  expect(await old.next('hub.refused')).toMatchObject({ reason: 'agent_too_old' })
  const young = hub.connect('young')
  young.hello([], { protocol_min: 99, protocol_max: 100 })
  expect(await young.next('hub.refused')).toMatchObject({ reason: 'agent_too_new' })
  await Promise.all([old.closed, young.closed])
  expect(hub.sessions.connected()).toEqual([])
})

test('a question to a node is answered, refused, given up, or lost with the node', async () => {
  await using hub = await openDispatchCase()
  const ask = (signal = new AbortController().signal) => hub.sessions.request('hub', { kind: 'lease.list' }, { signal })
  await expect(ask()).rejects.toMatchObject({ code: 'node_offline' })
  const node = hub.connect()
  node.hello()
  await node.next('hub.welcome')

  const answered = ask()
  node.send({ type: 'reply', request_id: (await node.next('request')).request_id, ok: { leases: [] } })
  expect(await answered).toEqual({ leases: [] })

  const refused = ask()
  node.send({ type: 'reply', request_id: (await node.next('request')).request_id, error: { code: 'not_allowed', message: 'no', hint: 'so' } })
  await expect(refused).rejects.toMatchObject({ code: 'not_allowed', message: 'no', hint: 'so' })

  const odd = ask()
  node.send({ type: 'reply', request_id: (await node.next('request')).request_id, ok: 'what?' })
  await expect(odd).rejects.toMatchObject({ code: 'protocol' })

  const controller = new AbortController()
  const given = ask(controller.signal)
  const { request_id } = await node.next('request')
  controller.abort()
  await expect(given).rejects.toMatchObject({ code: 'canceled' })
  expect(await node.next('request.cancel')).toMatchObject({ request_id })

  const lost = ask()
  await node.next('request')
  node.close()
  await expect(lost).rejects.toMatchObject({ code: 'node_offline' })
})
