import { expect, test } from 'vitest'
import { BastionError } from '../../../src/core/errors.ts'
import { codedFailure } from '../../../src/core/work-state.ts'
import { openDispatchCase } from '../../support/dispatch-case.ts'
import { someEvents, storedOutcome } from '../../support/fake-node.ts'

const minute = 60_000

test('a run goes from the request to its artifact, and its events are in one row without a gap', async () => {
  await using hub = await openDispatchCase()
  const job = await hub.addJob()
  const node = hub.connect()
  node.hello()
  const { run_id } = await hub.dispatch.request(job.id)
  const { plan } = await node.next('run.offer')
  expect(plan).toMatchObject({ hub_id: 'hub-1', node_id: 'hub', job_id: job.id, run_id, target: { type: 'local_dir', path: '/backups' } })
  node.send({ type: 'run.accepted', run_id })
  await hub.reaches(run_id, 'running')
  node.send({ type: 'run.events', run_id, first_seq: 1, events: someEvents('started', 'packaging') })
  expect(await node.next('run.ack')).toMatchObject({ seq: 2, ended: false })
  node.send({ type: 'run.events', run_id, first_seq: 3, events: someEvents('complete') })
  node.send({ type: 'run.finished', run_id, last_seq: 3, outcome: storedOutcome })
  const run = await hub.reaches(run_id, 'finished')
  expect(run).toMatchObject({ status: 'success', outcome: 'success', grade: 'stable', issues_total: 0 })
  expect(await node.next('run.ack')).toMatchObject({ seq: 3, ended: false })
  expect(await node.next('run.ack')).toMatchObject({ seq: 3, ended: true })
  expect(await hub.kinds(run_id)).toEqual(['queued', 'dispatched', 'started', 'packaging', 'complete'])
  expect(await hub.store.artifacts.get(run_id)).toMatchObject({ status: 'present', target_id: 'target-1', target_snapshot: { type: 'local_dir' } })
  expect((await hub.store.jobs.get(job.id))?.target_id).toBe('target-1')
  expect(await hub.store.runs.offer(run_id)).toBeNull()
})

test('the next run is told which target the first one has found', async () => {
  await using hub = await openDispatchCase()
  const job = await hub.addJob()
  const node = hub.connect()
  node.hello()
  const first = await hub.dispatch.request(job.id)
  expect((await node.next('run.offer')).plan).not.toHaveProperty('expected_target_id')
  node.send({ type: 'run.finished', run_id: first.run_id, last_seq: 0, outcome: storedOutcome })
  await hub.reaches(first.run_id, 'finished')
  await hub.dispatch.request(job.id)
  expect((await node.next('run.offer')).plan.expected_target_id).toBe('target-1')
})

test('messages that come twice change nothing', async () => {
  await using hub = await openDispatchCase()
  const job = await hub.addJob()
  const node = hub.connect()
  node.hello()
  const { run_id } = await hub.dispatch.request(job.id)
  await node.next('run.offer')
  for (let twice = 0; twice < 2; twice++) {
    node.send({ type: 'run.accepted', run_id })
    node.send({ type: 'run.events', run_id, first_seq: 1, events: someEvents('started') })
    node.send({ type: 'run.events', run_id, first_seq: 1, events: someEvents('started', 'scan') })
  }
  for (let twice = 0; twice < 2; twice++) node.send({ type: 'run.finished', run_id, last_seq: 2, outcome: storedOutcome })
  node.send({ type: 'run.events', run_id, first_seq: 3, events: someEvents('upload') })
  node.send({ type: 'run.accepted', run_id })
  await hub.reaches(run_id, 'finished')
  expect(await hub.kinds(run_id)).toEqual(['queued', 'dispatched', 'started', 'scan'])
})

test('events that do not follow the last one are asked for again, and an end that comes before its events waits', async () => {
  await using hub = await openDispatchCase()
  const job = await hub.addJob()
  const node = hub.connect()
  node.hello()
  const { run_id } = await hub.dispatch.request(job.id)
  await node.next('run.offer')
  node.send({ type: 'run.accepted', run_id })
  node.send({ type: 'run.events', run_id, first_seq: 2, events: someEvents('scan') })
  node.send({ type: 'run.finished', run_id, last_seq: 2, outcome: storedOutcome })
  expect(await node.next('run.attach')).toMatchObject({ run_id, after_seq: 0 })
  node.send({ type: 'run.events', run_id, first_seq: 1, events: someEvents('started', 'scan') })
  node.send({ type: 'run.finished', run_id, last_seq: 2, outcome: storedOutcome })
  await hub.reaches(run_id, 'finished')
  expect(await hub.kinds(run_id)).toEqual(['queued', 'dispatched', 'started', 'scan'])
  expect(node.received.filter(({ type }) => type === 'run.attach')).toHaveLength(1)
})

test('what a node owes is asked for once more with each tick', async () => {
  await using hub = await openDispatchCase()
  const job = await hub.addJob()
  const node = hub.connect()
  node.hello()
  const { run_id } = await hub.dispatch.request(job.id)
  await node.next('run.offer')
  node.send({ type: 'run.finished', run_id, last_seq: 5, outcome: storedOutcome })
  await node.next('run.attach')
  await hub.dispatch.tick()
  expect(await node.next('run.attach')).toMatchObject({ run_id, after_seq: 0 })
})

test('what a node says of the run of another node is not believed', async () => {
  await using hub = await openDispatchCase()
  const job = await hub.addJob()
  const node = hub.connect()
  node.hello()
  const { run_id } = await hub.dispatch.request(job.id)
  await node.next('run.offer')
  const other = hub.connect('other')
  other.hello()
  other.send({ type: 'run.finished', run_id, last_seq: 0, outcome: storedOutcome })
  await other.next('run.ack')
  expect((await hub.store.runs.get(run_id))?.state).toBe('dispatched')
})

test('a node has at most as many runs as its limit, and gets the next one when one has ended', async () => {
  await using hub = await openDispatchCase({ limit: 2 })
  const node = hub.connect()
  node.hello()
  const runs: string[] = []
  for (let at = 0; at < 4; at++) {
    hub.clock.advance(1)
    runs.push((await hub.dispatch.request((await hub.addJob()).id)).run_id)
  }
  const offered = [(await node.next('run.offer')).plan.run_id, (await node.next('run.offer')).plan.run_id]
  expect(offered).toEqual(runs.slice(0, 2))
  await hub.dispatch.wake('hub')
  expect((await hub.store.runs.withNode('hub')).map(({ id }) => id)).toEqual(offered)
  node.send({ type: 'run.finished', run_id: runs[1]!, last_seq: 0, outcome: { status: 'canceled' } })
  expect((await node.next('run.offer')).plan.run_id).toBe(runs[2])
})

test('a job never overlaps itself: one run waits, and what is asked for meanwhile folds into it', async () => {
  await using hub = await openDispatchCase()
  const job = await hub.addJob()
  const node = hub.connect()
  node.hello()
  const first = await hub.dispatch.request(job.id)
  await node.next('run.offer')
  const second = await hub.dispatch.request(job.id)
  expect(second.result).toBe('queued')
  expect(await hub.dispatch.request(job.id)).toEqual({ result: 'folded', run_id: second.run_id })
  expect(await hub.dispatch.request(job.id)).toEqual({ result: 'folded', run_id: second.run_id })
  await hub.dispatch.wake('hub')
  expect((await hub.store.runs.get(second.run_id))?.state).toBe('queued')
  expect((await hub.store.runs.get(second.run_id))?.folded).toBe(2)
  expect((await hub.store.runEvents.list(second.run_id, 0, 10)).items.at(-1)?.fields).toEqual({ folded: 2 })
  node.send({ type: 'run.finished', run_id: first.run_id, last_seq: 0, outcome: storedOutcome })
  expect((await node.next('run.offer')).plan.run_id).toBe(second.run_id)
})

test('with the overlap policy reject a run that comes too early is kept as rejected', async () => {
  await using hub = await openDispatchCase()
  const job = await hub.addJob({ overlap_policy: 'reject' })
  const node = hub.connect()
  node.hello()
  await hub.dispatch.request(job.id)
  await node.next('run.offer')
  const second = await hub.dispatch.request(job.id)
  expect(second.result).toBe('rejected')
  expect(await hub.store.runs.get(second.run_id)).toMatchObject({ state: 'rejected', status: 'rejected', ended_at: hub.clock.now() })
  expect(await hub.kinds(second.run_id)).toEqual(['rejected'])
})

test('a failure that may pass is tried again as a new run, after a minute and after half an hour, and then no more', async () => {
  await using hub = await openDispatchCase()
  const job = await hub.addJob()
  const node = hub.connect()
  node.hello()
  const first = await hub.dispatch.request(job.id)
  let failing = first.run_id
  for (const delay of [minute, 30 * minute]) {
    expect((await node.next('run.offer')).plan.run_id).toBe(failing)
    node.send({
      type: 'run.finished',
      run_id: failing,
      last_seq: 0,
      outcome: { status: 'failed', error: codedFailure('target_unreachable', 'no answer') },
    })
    expect(await hub.reaches(failing, 'failed')).toMatchObject({ error_code: 'target_unreachable', status: 'failed' })
    expect((await hub.kinds(failing)).slice(-2)).toEqual(['failed', 'retry_scheduled'])
    const [retry] = await hub.store.runs.unended(job.id)
    expect(retry).toMatchObject({ retry_of: failing, not_before: hub.clock.now() + delay, state: 'queued' })
    failing = retry!.id
    expect(await hub.dispatch.tick()).toBe(hub.clock.now() + delay)
    expect((await hub.store.runs.get(failing))?.state).toBe('queued')
    hub.clock.advance(delay)
    await hub.dispatch.tick()
  }
  expect((await node.next('run.offer')).plan).toMatchObject({ run_id: failing })
  node.send({
    type: 'run.finished',
    run_id: failing,
    last_seq: 0,
    outcome: { status: 'failed', error: codedFailure('target_unreachable', 'no answer') },
  })
  await hub.reaches(failing, 'failed')
  expect(await hub.store.runs.unended(job.id)).toEqual([])
})

test('a retry that waits is brought forward by who asks for a run', async () => {
  await using hub = await openDispatchCase()
  const job = await hub.addJob()
  const node = hub.connect()
  node.hello()
  const { run_id } = await hub.dispatch.request(job.id)
  await node.next('run.offer')
  node.send({ type: 'run.refused', run_id, error: codedFailure('node_busy', 'full') })
  await hub.reaches(run_id, 'failed')
  const asked = await hub.dispatch.request(job.id)
  expect(asked.result).toBe('folded')
  expect((await node.next('run.offer')).plan).toMatchObject({ run_id: asked.run_id, retry_of: run_id })
})

test('what will not pass is not tried again, and a secret that is missing fails the run before it is offered', async () => {
  const credentialsFor = async () => {
    throw new BastionError('target_auth', 'there is no secret "dav"')
  }
  await using hub = await openDispatchCase({ vault: { credentialsFor } })
  const job = await hub.addJob()
  const node = hub.connect()
  node.hello()
  await node.next('hub.welcome')
  const { run_id } = await hub.dispatch.request(job.id)
  expect(await hub.reaches(run_id, 'failed')).toMatchObject({ error: { code: 'target_auth', message: 'there is no secret "dav"' } })
  expect(await hub.store.runs.unended(job.id)).toEqual([])
  expect(node.received.some(({ type }) => type === 'run.offer')).toBe(false)
})

test('an encrypted job is offered with the recipient of its key', async () => {
  await using hub = await openDispatchCase()
  const job = await hub.addJob({ pipeline: { encryption: { type: 'age_x25519', key_name: 'default' } } })
  const node = hub.connect()
  node.hello()
  await hub.dispatch.request(job.id)
  expect((await node.next('run.offer')).plan.pipeline).toMatchObject({ recipients: [`age1${'q'.repeat(58)}`], encryption_key: 'default' })
})

test('an encrypted job whose key is nowhere else is refused to who asks, and its scheduled run fails with the same words', async () => {
  const notKept = new BastionError('encryption_key_not_kept', 'only here')
  await using hub = await openDispatchCase({ vault: { recipientFor: () => Promise.reject(notKept) } })
  const job = await hub.addJob({ pipeline: { encryption: { type: 'age_x25519', key_name: 'default' } } })
  const node = hub.connect()
  node.hello()
  await expect(hub.dispatch.request(job.id)).rejects.toBe(notKept)
  expect((await hub.store.runs.list({ job_id: job.id }, { limit: 10 })).items).toEqual([])
  await hub.changes.transaction((tx, announce) =>
    hub.dispatch.requestWithin({ tx, announce, now: hub.clock.now() }, job, { type: 'due', fireAt: hub.clock.now(), missed: 0 }),
  )
  const [run] = (await hub.store.runs.list({ job_id: job.id }, { limit: 10 })).items
  void hub.dispatch.wake('hub')
  expect(await hub.reaches(run!.id, 'failed')).toMatchObject({ error_code: 'encryption_key_not_kept' })
  expect(node.received.some(({ type }) => type === 'run.offer')).toBe(false)
})

test('canceling is kept before it is sent, and a run that waits is canceled at once', async () => {
  await using hub = await openDispatchCase()
  const job = await hub.addJob()
  const node = hub.connect()
  node.hello()
  const running = await hub.dispatch.request(job.id)
  await node.next('run.offer')
  node.send({ type: 'run.accepted', run_id: running.run_id })
  await hub.reaches(running.run_id, 'running')
  const waiting = await hub.dispatch.request(job.id)
  await hub.dispatch.cancel(waiting.run_id)
  expect(await hub.store.runs.get(waiting.run_id)).toMatchObject({ state: 'canceled' })
  await hub.dispatch.cancel(running.run_id)
  await hub.dispatch.cancel(running.run_id)
  expect(await node.next('run.cancel')).toMatchObject({ run_id: running.run_id })
  expect(await hub.store.runs.get(running.run_id)).toMatchObject({ state: 'canceling', cancel_requested_at: hub.clock.now() })
  node.send({ type: 'run.events', run_id: running.run_id, first_seq: 1, events: someEvents('started', 'cleanup', 'canceled') })
  node.send({ type: 'run.finished', run_id: running.run_id, last_seq: 3, outcome: { status: 'canceled' } })
  await hub.reaches(running.run_id, 'canceled')
  expect(await hub.kinds(running.run_id)).toEqual(['queued', 'dispatched', 'cancel_requested', 'started', 'cleanup', 'canceled'])
  await expect(hub.dispatch.cancel(running.run_id)).rejects.toMatchObject({ code: 'conflict' })
  await expect(hub.dispatch.cancel('none')).rejects.toMatchObject({ code: 'not_found' })
})

test('a run that was complete before it could be canceled is a success', async () => {
  await using hub = await openDispatchCase()
  const job = await hub.addJob()
  const node = hub.connect()
  node.hello()
  const { run_id } = await hub.dispatch.request(job.id)
  await node.next('run.offer')
  node.send({ type: 'run.accepted', run_id })
  await hub.reaches(run_id, 'running')
  await hub.dispatch.cancel(run_id)
  node.send({ type: 'run.finished', run_id, last_seq: 0, outcome: storedOutcome })
  expect(await hub.reaches(run_id, 'finished')).toMatchObject({ status: 'success' })
})

test('the last progress is kept and told, and a run that has ended well has all of it', async () => {
  await using hub = await openDispatchCase()
  const job = await hub.addJob()
  const node = hub.connect()
  node.hello()
  const { run_id } = await hub.dispatch.request(job.id)
  await node.next('run.offer')
  node.send({ type: 'run.accepted', run_id })
  const told = Promise.withResolvers<unknown>()
  using _subscription = hub.live.subscribe('runs', (message) => {
    if (message.type === 'run.progress') told.resolve(message.progress)
  })
  const progress = { stage: 'packaging', done: { files: 1, dirs: 2, bytes: 3 }, rate_bps: 4, eta_s: null, stored_bytes: 5 }
  node.send({ type: 'run.progress', run_id, progress })
  expect(await told.promise).toEqual(progress)
  expect((await hub.store.runs.get(run_id))?.progress).toEqual(progress)
  const totals = { files: 3, dirs: 2, source_bytes: 900, stored_bytes: 400 }
  const outcome = { ...storedOutcome, artifact: { ...storedOutcome.artifact, totals } }
  node.send({ type: 'run.finished', run_id, last_seq: 0, outcome })
  const done = { files: 3, dirs: 2, bytes: 900 }
  expect((await hub.reaches(run_id, 'finished')).progress).toMatchObject({ stage: 'complete', done, total: done, stored_bytes: 400, eta_s: 0 })
})

test('a run waits for its node, and fails when that has not come for a day', async () => {
  await using hub = await openDispatchCase()
  const job = await hub.addJob({ node_id: 'far' })
  const { run_id } = await hub.dispatch.request(job.id)
  hub.clock.advance(24 * 60 * minute)
  await hub.dispatch.tick()
  expect((await hub.store.runs.get(run_id))?.state).toBe('queued')
  hub.clock.advance(1)
  await hub.dispatch.tick()
  expect(await hub.store.runs.get(run_id)).toMatchObject({ state: 'failed', error_code: 'node_offline' })
  expect(await hub.kinds(run_id)).toEqual(['queued', 'failed'])
})

test('an archived job is not run', async () => {
  await using hub = await openDispatchCase()
  const job = await hub.addJob()
  await hub.store.jobs.archive(job.id, { archived_at: 1, next_run_at: null, updated_at: 1 })
  await expect(hub.dispatch.request(job.id)).rejects.toMatchObject({ code: 'conflict' })
  await expect(hub.dispatch.request('none')).rejects.toMatchObject({ code: 'not_found' })
})

test('a run for one node is not given the paths of another, when its job has moved meanwhile', async () => {
  await using hub = await openDispatchCase()
  const job = await hub.addJob()
  const { run_id } = await hub.dispatch.request(job.id)
  await hub.store.jobs.update(job.id, { spec: { ...job.spec, node_id: 'other' }, target_id: null, next_run_at: null, updated_at: 1 })
  const node = hub.connect()
  node.hello()
  expect(await hub.reaches(run_id, 'failed')).toMatchObject({ error_code: 'conflict' })
})
