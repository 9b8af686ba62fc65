import { expect, test } from 'vitest'
import type { OperationOutcome } from '../../../src/core/operation.ts'
import type { DrillReport } from '../../../src/core/operation-report.ts'
import { createArtifactDeletion } from '../../../src/hub/artifacts/artifact-deletion.ts'
import { createJobService } from '../../../src/hub/jobs/job-service.ts'
import { createDrillScheduler } from '../../../src/hub/operations/drill-scheduler.ts'
import { createOperations } from '../../../src/hub/operations/operations.ts'
import { type DispatchCase, openDispatchCase } from '../../support/dispatch-case.ts'
import { storedOutcome } from '../../support/fake-node.ts'
import { anId, someTime } from '../../support/hub-records.ts'

const day = 24 * 60 * 60_000

function schedulerOf({ store, changes, dispatch, clock }: DispatchCase) {
  let count = 0
  const operations = createOperations({ changes, dispatch, clock, newId: () => anId(clock.now(), `operation ${count++}`) })
  return createDrillScheduler({
    store,
    changes,
    operations,
    dispatch,
    clock,
    log: {
      info() {},
      warn() {},
      error({ err }) {
        throw new Error('a job held the others', { cause: err })
      },
    },
  })
}

/** A job with an artifact, drilled each day at noon. */
async function drilledJob(hub: DispatchCase, withArtifact = true) {
  const job = await hub.addJob({ drill_schedule: '0 12 * * *' })
  await hub.store.schedule.setDrill(job.id, someTime + day)
  const node = hub.connect()
  node.hello()
  if (withArtifact) {
    const { run_id } = await hub.dispatch.request(job.id)
    await node.next('run.offer')
    node.send({ type: 'run.finished', run_id, last_seq: 0, outcome: storedOutcome })
    await hub.reaches(run_id, 'finished')
  }
  const drills = async () => (await hub.store.operations.list({ job_id: job.id }, { limit: 50 })).items
  return { job, node, drills }
}

test('a drill is asked for when its time has come, once, of the newest artifact', async () => {
  await using hub = await openDispatchCase()
  const { job, node, drills } = await drilledJob(hub)
  const scheduler = schedulerOf(hub)
  expect(await scheduler.tick()).toBe(someTime + day)
  expect(await drills()).toEqual([])
  hub.clock.advance(day)
  expect(await scheduler.tick()).toBe(someTime + 2 * day)
  await scheduler.tick()
  expect(await drills()).toMatchObject([{ kind: 'drill', asked_by: 'schedule', job_id: job.id }])
  expect((await node.next('operation.offer')).plan).toMatchObject({ kind: 'drill', job_id: job.id, manifest_hash: 'a'.repeat(64), recipe: null })
})

test('times that were missed are one drill, and one that has not ended stands for the next', async () => {
  await using hub = await openDispatchCase()
  const { node, drills } = await drilledJob(hub)
  const scheduler = schedulerOf(hub)
  hub.clock.advance(5 * day + 1)
  expect(await scheduler.tick()).toBe(someTime + 6 * day)
  expect(await drills()).toHaveLength(1)
  hub.clock.advance(day)
  await scheduler.tick()
  const [only, ...others] = await drills()
  expect(others).toEqual([])
  await node.next('operation.offer')
  node.send({ type: 'operation.finished', operation_id: only!.id, last_seq: 0, outcome: { status: 'canceled' } })
  await node.next('operation.ack')
  hub.clock.advance(day)
  await scheduler.tick()
  expect(await drills()).toHaveLength(2)
})

test('where there is nothing to drill the time passes', async () => {
  await using hub = await openDispatchCase()
  const { drills } = await drilledJob(hub, false)
  const scheduler = schedulerOf(hub)
  hub.clock.advance(day)
  expect(await scheduler.tick()).toBe(someTime + 2 * day)
  expect(await drills()).toEqual([])
})

test('times that were found under a clock that was ahead are found anew when it has gone back', async () => {
  await using hub = await openDispatchCase()
  const { job } = await drilledJob(hub)
  const scheduler = schedulerOf(hub)
  await hub.store.schedule.setDrill(job.id, someTime + 400 * day)
  await hub.store.schedule.setLastTick(someTime + 399 * day)
  expect(await scheduler.tick()).toBe(someTime + day)
})

test('a job stays as long as an operation on one of its artifacts has not ended', async () => {
  await using hub = await openDispatchCase()
  const { store, changes, clock } = hub
  const deletion = createArtifactDeletion({ changes, clock, random: () => 0, onTask() {} })
  const jobs = createJobService({ store, changes, clock, newId: () => 'another', deletion, onSchedule() {}, cancel: async () => {} })
  const { job, node } = await drilledJob(hub)
  clock.advance(day)
  await schedulerOf(hub).tick()
  await expect(jobs.remove(job.id, 'keep')).rejects.toMatchObject({ code: 'conflict', message: expect.stringContaining('has not ended') })
  const { plan } = await node.next('operation.offer')
  node.send({ type: 'operation.finished', operation_id: plan.operation_id, last_seq: 0, outcome: { status: 'canceled' } })
  await node.next('operation.ack')
  expect(await jobs.remove(job.id, 'keep')).toBe('removed')
})

const report: DrillReport = {
  kind: 'drill',
  proven: true,
  manifest_hash: 'a'.repeat(64),
  restore_ms: 2500,
  duration_ms: 4000,
  restored: { files: 1, dirs: 0, links: 0, others: 0, bytes: 1 },
  entries: { expected: 1, checked: 1, bytes: 1 },
  sqlite: { found: 0, ok: 0, failed: [] },
  recipe: null,
  damaged: { total: 0, sample: [] },
}

test.each<[string, OperationOutcome, boolean]>([
  ['that succeeded', { status: 'success', report }, true],
  ['that says it has proven nothing', { status: 'success', report: { ...report, proven: false } }, false],
  ['that failed', { status: 'failed', error: { code: 'artifact_damaged', message: 'part', hint: '' }, report: { ...report, proven: false } }, false],
  ['that was canceled', { status: 'canceled' }, false],
])('only a drill %s makes its job proven', async (_, outcome, isProof) => {
  await using hub = await openDispatchCase()
  const { job, node, drills } = await drilledJob(hub)
  hub.clock.advance(day)
  await schedulerOf(hub).tick()
  const { plan } = await node.next('operation.offer')
  node.send({ type: 'operation.finished', operation_id: plan.operation_id, last_seq: 0, outcome })
  await node.next('operation.ack')
  const described = await hub.store.jobs.describe(job.id)
  expect(described?.last_proven_restorable_at).toBe(isProof ? someTime + day : null)
  expect(described?.measured_restore_seconds).toBe(isProof ? 2.5 : null)
  expect(described?.last_drill).toMatchObject({ operation_id: (await drills())[0]!.id, ended_at: someTime + day })
})
