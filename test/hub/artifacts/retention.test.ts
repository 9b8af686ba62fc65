import { DatabaseSync } from 'node:sqlite'
import { expect, test } from 'vitest'
import { day, hour, openRetentionCase } from '../../support/retention-case.ts'

const keepLast = (keep_last: number, more: object = {}) => ({ retention: { enabled: true, keep_last, ...more } })

test('a look asks for the deletes of what no rule keeps, and a second look for nothing more', async () => {
  await using it = await openRetentionCase()
  const job = await it.hub.addJob(keepLast(2))
  const runs = await it.nights(job, 5)
  await it.look()
  expect(await it.leaving(runs)).toEqual(runs.slice(0, 3))
  expect(await it.hub.store.deleteTasks.get(runs[0]!)).toMatchObject({ status: 'queued', requested_by: 'retention', force: false })
  const [requested] = await it.hub.store.deleteTasks.events(runs[0]!, 0, 10)
  expect(requested).toMatchObject({ kind: 'requested', fields: { by: 'retention', reasons: ['not one of the last ones'] } })
  await it.look()
  expect(await it.leaving(runs)).toEqual(runs.slice(0, 3))
})

test('what a preview shows is what is deleted, with the reasons it gave', async () => {
  await using it = await openRetentionCase()
  const job = await it.hub.addJob({ schedule_timezone: 'Europe/Berlin', schedule: '0 3 * * *', retention: { keep_daily: 2, keep_last: 1 } })
  const runs = await it.nights(job, 3)
  runs.push(await it.backUp(job, { grade: 'torn' }))
  const preview = await it.retention.preview(job.id, { retention: { ...job.spec.retention, mode: 'custom', enabled: true } as never, months: 3 })
  expect(preview.delete.map(({ run_id, now }) => [run_id, now])).toEqual([[runs[0], true]])
  expect(preview.delete[0]!.reasons.map(({ text }) => text)).toEqual(['not one of the last ones', expect.stringMatching(/^enough newer days than/)])
  expect(preview.keep.map(({ run_id, reasons }) => [run_id, reasons.map(({ rule }) => rule)])).toEqual([
    [runs[3], ['newest_good', 'keep_last']],
    [runs[2], ['keep_daily']],
    [runs[1], ['keep_daily']],
  ])
  expect(preview).toMatchObject({ totals: { keep: 3, delete: 1, delete_now: 1 }, foreseen_by: 'schedule', brakes: [] })
  expect(preview.months).toHaveLength(3)
  expect(preview.months[0]!.leaving).toEqual(runs)
  // It was only looked at.
  await it.look()
  expect(await it.leaving(runs)).toEqual([])
})

test('a job without a policy of its own has that of the Hub, which deletes nothing until somebody says so', async () => {
  await using it = await openRetentionCase()
  const job = await it.hub.addJob()
  const runs = await it.nights(job, 3)
  await it.look()
  expect(await it.retention.describe(job.id)).toMatchObject({ retention: { mode: 'inherit' }, active: false })
  expect(await it.leaving(runs)).toEqual([])
  it.hubPolicy = { ...it.hubPolicy, enabled: true, keep_last: 1 }
  const own = await it.hub.addJob({ retention: { mode: 'custom' } })
  const others = await it.nights(own, 2)
  await it.look()
  expect(await it.leaving([...runs, ...others])).toEqual(runs.slice(0, 2))
})

test('limits hold over looks, over days, and together with what a person applies', async () => {
  await using it = await openRetentionCase()
  const job = await it.hub.addJob(keepLast(1, { max_delete_per_tick: 3, max_delete_per_day: 5 }))
  await it.hub.store.jobs.update(job.id, { ...job, spec: { ...job.spec, retention: { ...job.spec.retention, enabled: false } as never } })
  const runs = await it.nights(job, 12)
  await it.hub.store.jobs.update(job.id, job)
  await it.look()
  expect(await it.leaving(runs)).toEqual(runs.slice(0, 3))
  expect(await it.retention.apply(job.id, { despite_brakes: false })).toEqual({ run_ids: runs.slice(3, 5), remaining: 6 })
  expect(await it.retention.apply(job.id, { despite_brakes: false })).toEqual({ run_ids: [], remaining: 6 })
  await it.look()
  expect(await it.leaving(runs)).toEqual(runs.slice(0, 5))
  for (let hours = 0; hours < 24; hours += 6) {
    it.hub.clock.advance(6 * hour)
    await it.retention.tick()
  }
  expect(await it.leaving(runs)).toEqual(runs.slice(0, 8))
  await it.look()
  expect(await it.leaving(runs)).toEqual(runs.slice(0, 10))
})

test('a look is taken every quarter of an hour, and the clock is looked at each time', async () => {
  await using it = await openRetentionCase()
  const job = await it.hub.addJob(keepLast(1))
  const first = await it.retention.tick()
  expect(first).toBe(it.hub.clock.now() + hour / 4)
  const runs = [await it.backUp(job), await it.backUp(job)]
  await it.retention.tick()
  expect(await it.leaving(runs)).toEqual([])
  await it.look()
  expect(await it.leaving(runs)).toEqual(runs.slice(0, 1))
})

test('nothing of an archived job is deleted, neither by itself nor by applying its policy', async () => {
  await using it = await openRetentionCase()
  const job = await it.hub.addJob(keepLast(1))
  const runs = [await it.backUp(job), await it.backUp(job), await it.backUp(job)]
  const now = it.hub.clock.now()
  await it.hub.store.jobs.archive(job.id, { archived_at: now, next_run_at: null, updated_at: now })
  await it.look()
  await expect(it.retention.apply(job.id, { despite_brakes: true })).rejects.toMatchObject({ code: 'conflict' })
  expect(await it.leaving(runs)).toEqual([])
  expect(await it.retention.describe(job.id)).toMatchObject({ active: false })
  const preview = await it.retention.preview(job.id, { months: 2 })
  expect(preview).toMatchObject({ totals: { keep: 1, delete: 2 }, foreseen_by: 'nothing' })
})

test('what is pinned stays, and what a person pins while a preview is looked at stays too', async () => {
  await using it = await openRetentionCase()
  const job = await it.hub.addJob(keepLast(1))
  const runs = [await it.backUp(job), await it.backUp(job), await it.backUp(job)]
  const pin = (runId: string) => it.hub.store.artifacts.change(runId, 'present', { pinned_at: it.hub.clock.now() })
  await pin(runs[0]!)
  const { fingerprint } = await it.retention.preview(job.id, { months: 0 })
  await pin(runs[1]!)
  await expect(it.retention.apply(job.id, { fingerprint, despite_brakes: false })).rejects.toMatchObject({ code: 'conflict' })
  await it.look()
  expect(await it.leaving(runs)).toEqual([])
  const other = await it.retention.preview(job.id, { months: 0 })
  expect(await it.retention.apply(job.id, { fingerprint: other.fingerprint, despite_brakes: false })).toEqual({ run_ids: [], remaining: 0 })
})

test('when the newest one is deleted by a person, the next one is protected', async () => {
  await using it = await openRetentionCase()
  const job = await it.hub.addJob(keepLast(1))
  const runs = [await it.backUp(job), await it.backUp(job), await it.backUp(job)]
  await it.deletion.requestDelete({ runIds: [runs[2]!], force: true, by: 'person' })
  await it.look()
  expect(await it.leaving(runs)).toEqual([runs[0], runs[2]])
})

test('an artifact whose delete has failed fills no place, and one that is damaged neither', async () => {
  await using it = await openRetentionCase()
  const job = await it.hub.addJob(keepLast(1))
  const runs = [await it.backUp(job), await it.backUp(job), await it.backUp(job)]
  await it.hub.store.artifacts.change(runs[2]!, 'present', { status: 'error', last_error_kind: 'damaged' })
  await it.look()
  expect(await it.leaving(runs)).toEqual([runs[0], runs[2]])
  expect(await it.hub.store.deleteTasks.get(runs[2]!)).toBeNull()
  const { keep } = await it.retention.preview(job.id, { months: 0 })
  expect(keep.map(({ run_id, reasons }) => [run_id, reasons.map(({ rule }) => rule)])).toEqual([
    [runs[2], ['damaged']],
    [runs[1], ['newest_good', 'keep_last']],
  ])
})

test('a clock of a node that is wrong, or lies, moves no artifact past another', async () => {
  await using it = await openRetentionCase()
  const job = await it.hub.addJob(keepLast(1))
  const first = await it.backUp(job, { completed_at: it.hub.clock.now() + 365 * day })
  const second = await it.backUp(job, { completed_at: 0 })
  const { keep, delete: gone } = await it.retention.preview(job.id, { months: 0 })
  expect([keep, gone].map((list) => list.map(({ run_id }) => run_id))).toEqual([[second], [first]])
  expect(it.hub.clock.now() - keep[0]!.made_at).toBeLessThanOrEqual(hour)
})

test('what a look came to is told: what must wait, and why a job could not be looked at, which holds no other', async () => {
  await using it = await openRetentionCase()
  const off = { retention: { ...keepLast(1).retention, enabled: false } }
  const [broken, job] = [await it.hub.addJob(off), await it.hub.addJob(off)]
  const runs = [...(await it.nights(broken, 2)), ...(await it.nights(job, 4))]
  expect((await it.retention.describe(job.id)).last_look).toBeNull()
  const on = keepLast(1, { max_delete_per_tick: 1 }).retention as never
  for (const { id, spec, ...rest } of [broken, job]) await it.hub.store.jobs.update(id, { ...rest, spec: { ...spec, retention: on } })
  const zoneOfBroken = (zone: string) => {
    const database = new DatabaseSync(it.hub.file)
    database.prepare(`update jobs set spec = json_set(spec, '$.schedule_timezone', ?) where id = ?`).run(zone, broken.id)
    database.close()
  }
  zoneOfBroken('Nowhere/Never')
  await it.look()
  expect(await it.leaving(runs)).toEqual([runs[2]])
  const at = it.hub.clock.now()
  expect((await it.retention.describe(job.id)).last_look).toEqual({ at, waiting: 2, error: null })
  expect(it.retention.standing()).toEqual({ lastLookedAt: at, waiting: 2, failing: 1 })
  expect(it.hub.errors.splice(0)).toHaveLength(1)
  zoneOfBroken('UTC')
  await it.look()
  expect((await it.retention.describe(broken.id)).last_look).toMatchObject({ waiting: 0, error: null })
  expect(it.retention.standing()).toMatchObject({ waiting: 1, failing: 0 })
  await it.hub.store.jobs.archive(job.id, { archived_at: at, next_run_at: null, updated_at: at })
  await it.look()
  expect(it.retention.standing()).toMatchObject({ waiting: 0, failing: 0 })
})

test('there must be such a job', async () => {
  await using it = await openRetentionCase()
  const { describe, preview, apply } = it.retention
  await expect(describe('nobody')).rejects.toMatchObject({ code: 'not_found' })
  await expect(preview('nobody', { months: 0 })).rejects.toMatchObject({ code: 'not_found' })
  await expect(apply('nobody', { despite_brakes: true })).rejects.toMatchObject({ code: 'not_found' })
})
