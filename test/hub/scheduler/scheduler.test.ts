import { expect, test } from 'vitest'
import type { Job, JobSpecInput } from '../../../src/protocol/job-spec.ts'
import { nextRunAt } from '../../../src/hub/scheduler/next-run-at.ts'
import { createScheduler } from '../../../src/hub/scheduler/scheduler.ts'
import { openDispatchCase } from '../../support/dispatch-case.ts'
import { storedOutcome } from '../../support/fake-node.ts'
import { aJob, someTime } from '../../support/hub-records.ts'

const minute = 60_000
const hour = 60 * minute
const day = 24 * hour

/** Every hour, from half past on. */
const hourly = { schedule: '30 * * * *' }

async function openSchedulerCase() {
  const hub = await openDispatchCase()
  const log: string[] = []
  const makeScheduler = () =>
    createScheduler({
      store: hub.store,
      changes: hub.changes,
      dispatch: { requestWithin: hub.dispatch.requestWithin, wake: hub.dispatch.wake },
      clock: hub.clock,
      log: { info() {}, warn: (_fields, message) => log.push(message), error: (fields) => hub.errors.push(fields['err']) },
      nodeId: 'hub',
    })
  let scheduler = makeScheduler()
  let jobs = 0
  return {
    hub,
    log,
    tick: () => scheduler.tick(),
    async addJob(spec: Partial<JobSpecInput>) {
      const job = aJob({ spec: { name: `scheduled-${jobs++}`, ...spec } })
      job.next_run_at = nextRunAt(job.spec, hub.clock.now())
      await hub.store.jobs.insert(job)
      return job
    },
    async runs(job: Pick<Job, 'id'>) {
      return (await hub.store.runs.list({ job_id: job.id }, { limit: 200 })).items.toReversed()
    },
    async restart() {
      await hub.restart()
      scheduler = makeScheduler()
    },
    [Symbol.asyncDispose]: () => hub[Symbol.asyncDispose](),
  }
}

test('a job is run when its time has come, and not before', async () => {
  await using at = await openSchedulerCase()
  const job = await at.addJob(hourly)
  at.hub.clock.set(someTime + 30 * minute - 1)
  expect(await at.tick()).toBe(someTime + 30 * minute)
  expect(await at.runs(job)).toEqual([])
  at.hub.clock.advance(1)
  expect(await at.tick()).toBe(someTime + 90 * minute)
  expect(await at.tick()).toBe(someTime + 90 * minute)
  expect(await at.runs(job)).toMatchObject([{ state: 'queued', fire_at: someTime + 30 * minute, folded: 0 }])
  expect(at.log).toEqual([])
})

test('two looks at once make one run', async () => {
  await using at = await openSchedulerCase()
  const job = await at.addJob(hourly)
  at.hub.clock.set(someTime + 30 * minute)
  await Promise.all([at.tick(), at.tick(), at.tick()])
  expect(await at.runs(job)).toHaveLength(1)
})

test('jobs of other nodes, archived ones and those without a schedule are left alone', async () => {
  await using at = await openSchedulerCase()
  const far = await at.addJob({ ...hourly, node_id: 'far' })
  const archived = await at.addJob(hourly)
  await at.hub.store.jobs.archive(archived.id, { archived_at: 1, next_run_at: null, updated_at: 1 })
  const manual = await at.addJob({})
  at.hub.clock.advance(day)
  expect(await at.tick()).toBeNull()
  for (const job of [far, archived, manual]) expect(await at.runs(job)).toEqual([])
})

test('times that come while a run waits fold into it', async () => {
  await using at = await openSchedulerCase()
  const job = await at.addJob(hourly)
  for (let hours = 0; hours < 3; hours++) {
    at.hub.clock.set(someTime + 30 * minute + hours * hour)
    await at.tick()
  }
  expect(await at.runs(job)).toMatchObject([{ fire_at: someTime + 30 * minute, folded: 2 }])
})

test('times that come while a run is under way are rejected by the overlap policy reject, each with its own row', async () => {
  await using at = await openSchedulerCase()
  const job = await at.addJob({ ...hourly, overlap_policy: 'reject' })
  const node = at.hub.connect()
  node.hello()
  await node.next('hub.welcome')
  for (let hours = 0; hours < 3; hours++) {
    at.hub.clock.set(someTime + 30 * minute + hours * hour)
    await at.tick()
    await at.hub.dispatch.wake('hub')
  }
  expect((await at.runs(job)).map(({ state }) => state)).toEqual(['dispatched', 'rejected', 'rejected'])
})

test('a Hub that slept for a week runs each job once, and says how many times it stands for', async () => {
  await using at = await openSchedulerCase()
  const once = await at.addJob(hourly)
  const minutely = await at.addJob({ schedule: '* * * * *' })
  const skip = await at.addJob({ ...hourly, catch_up: 'skip' })
  await at.tick()
  await at.restart()
  at.hub.clock.set(someTime + 7 * day + 10 * minute + 5000)
  expect(await at.tick()).toBe(someTime + 7 * day + 11 * minute)
  expect(await at.runs(once)).toMatchObject([{ fire_at: someTime + 7 * day - 30 * minute, folded: 100 }])
  expect(await at.runs(minutely)).toMatchObject([{ fire_at: someTime + 7 * day + 10 * minute, folded: 100 }])
  expect(await at.runs(skip)).toEqual([])
  expect((await at.hub.store.jobs.get(skip.id))?.next_run_at).toBe(someTime + 7 * day + 30 * minute)
  expect(at.log.length).toBe(3)
  await at.tick()
  expect(await at.runs(once)).toHaveLength(1)
})

test('a time that has only just come is run though the ones before it are skipped', async () => {
  await using at = await openSchedulerCase()
  const skip = await at.addJob({ ...hourly, catch_up: 'skip' })
  at.hub.clock.set(someTime + 5 * hour + 30 * minute + 10_000)
  await at.tick()
  expect(await at.runs(skip)).toMatchObject([{ fire_at: someTime + 5 * hour + 30 * minute, folded: 0 }])
})

test('a time that is up to five minutes late was not missed', async () => {
  await using at = await openSchedulerCase()
  const [late, missed] = [
    await at.addJob({ schedule: '30 12 * * *', catch_up: 'skip' }),
    await at.addJob({ schedule: '29 12 * * *', catch_up: 'skip' }),
  ]
  at.hub.clock.set(someTime + 35 * minute)
  await at.tick()
  expect((await at.runs(late)).map(({ fire_at }) => fire_at)).toEqual([someTime + 30 * minute])
  expect(await at.runs(missed)).toEqual([])
})

test('two missed times are told as one missed', async () => {
  await using at = await openSchedulerCase()
  const job = await at.addJob(hourly)
  at.hub.clock.set(someTime + 2 * hour)
  await at.tick()
  const [run] = await at.runs(job)
  expect(run).toMatchObject({ fire_at: someTime + 90 * minute, folded: 1 })
  expect((await at.hub.store.runEvents.list(run!.id, 0, 10)).items[0]).toMatchObject({
    kind: 'queued',
    message: 'its time has come; 1 before it were missed',
    fields: { fire_at: someTime + 90 * minute, missed: 1 },
  })
})

test('a clock that goes back a little fires nothing twice', async () => {
  await using at = await openSchedulerCase()
  const job = await at.addJob(hourly)
  at.hub.clock.set(someTime + 30 * minute)
  await at.tick()
  at.hub.clock.advance(-20_000)
  await at.tick()
  at.hub.clock.advance(20_000)
  await at.tick()
  expect(await at.runs(job)).toHaveLength(1)
})

test('a clock that was ahead for a year, and is right again, does not make jobs wait for a year', async () => {
  await using at = await openSchedulerCase()
  const job = await at.addJob(hourly)
  const node = at.hub.connect()
  node.hello()
  await at.tick()
  at.hub.clock.set(someTime + 365 * day)
  await at.tick()
  const { plan } = await node.next('run.offer')
  node.send({ type: 'run.finished', run_id: plan.run_id, last_seq: 0, outcome: storedOutcome })
  await at.hub.reaches(plan.run_id, 'finished')
  at.hub.clock.set(someTime)
  expect(await at.tick()).toBe(someTime + 30 * minute)
  at.hub.clock.set(someTime + 30 * minute)
  await at.tick()
  expect((await at.runs(job)).map(({ fire_at }) => fire_at)).toContain(someTime + 30 * minute)
})

test('after a clock went back, a time that has had its run does not get another', async () => {
  await using at = await openSchedulerCase()
  const job = await at.addJob(hourly)
  const node = at.hub.connect()
  node.hello()
  at.hub.clock.set(someTime + 30 * minute)
  await at.tick()
  const { plan } = await node.next('run.offer')
  node.send({ type: 'run.finished', run_id: plan.run_id, last_seq: 0, outcome: storedOutcome })
  await at.hub.reaches(plan.run_id, 'finished')
  at.hub.clock.set(someTime + 10 * minute)
  expect(await at.tick()).toBe(someTime + 30 * minute)
  at.hub.clock.set(someTime + 30 * minute)
  expect(await at.tick()).toBe(someTime + 90 * minute)
  expect(await at.runs(job)).toHaveLength(1)
})

test('a failed run that waits for its next try runs at once when a time of the schedule comes', async () => {
  await using at = await openSchedulerCase()
  const job = await at.addJob({ schedule: '* * * * *' })
  const node = at.hub.connect()
  node.hello()
  at.hub.clock.advance(minute)
  await at.tick()
  const { plan } = await node.next('run.offer')
  node.send({
    type: 'run.finished',
    run_id: plan.run_id,
    last_seq: 0,
    outcome: { status: 'failed', error: { code: 'interrupted', message: '', hint: '' } },
  })
  await at.hub.reaches(plan.run_id, 'failed')
  at.hub.clock.advance(minute - 1)
  await at.tick()
  at.hub.clock.advance(1)
  await at.tick()
  const again = await node.next('run.offer')
  expect(again.plan.retry_of).toBe(plan.run_id)
  expect((await at.runs(job)).length).toBe(2)
})
