import { expect, test } from 'vitest'
import type { CoverageItem } from '../../../src/core/coverage.ts'
import { day, hour, openRetentionCase, type RetentionCase } from '../../support/retention-case.ts'

const keepLast = (keep_last: number, more: object = {}) => ({ retention: { enabled: true, keep_last, ...more } })

async function brakesOf(it: RetentionCase, jobId: string): Promise<string[]> {
  return (await it.retention.describe(jobId)).brakes.map(({ kind }) => kind)
}

test('three runs that failed, or did not get everything, stop retention; the next clean one releases it', async () => {
  await using it = await openRetentionCase()
  const job = await it.hub.addJob({ ...keepLast(1), retry: { attempts: 0 } })
  const runs = [await it.backUp(job), await it.backUp(job)]
  await it.backUp(job, { fails: true })
  runs.push(await it.backUp(job, { unreadable: 1 }))
  expect(await brakesOf(it, job.id)).toEqual([])
  runs.push(await it.backUp(job, { coverage: [{ path: '/srv/nested', unit: 'btrfs', read: 'hole' }] }))
  const { brakes } = await it.retention.describe(job.id)
  expect(brakes).toMatchObject([
    { kind: 'failing', job_id: job.id, message: 'the last 3 runs failed or did not get everything', release: 'the next clean run' },
  ])
  await it.look()
  expect(await it.leaving(runs)).toEqual([])
  await expect(it.retention.apply(job.id, { despite_brakes: false })).rejects.toMatchObject({ code: 'conflict', details: { brake: 'failing' } })
  // The hole is known by now.
  runs.push(await it.backUp(job, { coverage: [{ path: '/srv/nested', unit: 'btrfs', read: 'hole' }] }))
  expect(await brakesOf(it, job.id)).toEqual([])
  await it.look()
  expect(await it.leaving(runs)).toEqual(runs.slice(0, -1))
})

test('a run that lost most of its files is suspicious: it takes no place, and nothing is deleted until a person has accepted it', async () => {
  await using it = await openRetentionCase()
  const job = await it.hub.addJob(keepLast(2))
  const runs = await it.nights(job, 5)
  await it.look()
  const left = runs.slice(3)
  const small = await it.backUp(job, { files: 40 })
  const { brakes } = await it.retention.describe(job.id)
  expect(brakes).toMatchObject([
    {
      kind: 'suspicious',
      message: 'a run found far less than the ones before: 40 files, where 100 are normal; 40000 bytes, where 100000 are normal',
      release: 'a person who accepts it as the new normal, or gives it up',
      cause: { run_id: small, total: 1 },
    },
  ])
  const smaller = await it.backUp(job, { files: 45 })
  left.push(await it.backUp(job))
  await it.look()
  expect(await it.leaving([...left, small, smaller])).toEqual([])
  const { keep, delete: gone } = await it.retention.preview(job.id, { months: 0 })
  expect(keep.map(({ run_id, reasons }) => [run_id, reasons[0]!.rule])).toEqual([
    [left[2], 'newest_good'],
    [smaller, 'suspicious'],
    [small, 'suspicious'],
    [left[1], 'keep_last'],
  ])
  expect(gone.map(({ run_id }) => run_id)).toEqual([left[0]])

  await it.retention.accept(job.id, small)
  // The other one has no less than what is normal now.
  expect(await brakesOf(it, job.id)).toEqual([])
  await it.look()
  expect(await it.leaving([...left, small, smaller])).toEqual([left[0], left[1], small])
  // The new normal is what is compared with.
  await it.backUp(job, { files: 38 })
  expect(await brakesOf(it, job.id)).toEqual([])
  await it.backUp(job, { files: 10 })
  expect(await brakesOf(it, job.id)).toEqual(['suspicious'])
})

test('a suspicious artifact that a person gives up goes, and the next one like it is suspicious again', async () => {
  await using it = await openRetentionCase()
  const job = await it.hub.addJob(keepLast(10))
  const runs = await it.nights(job, 5)
  const small = await it.backUp(job, { files: 1 })
  await it.retention.giveUp(job.id, small)
  expect(await brakesOf(it, job.id)).toEqual([])
  await it.look()
  expect(await it.leaving([...runs, small])).toEqual([small])
  await it.backUp(job, { files: 1 })
  expect(await brakesOf(it, job.id)).toEqual(['suspicious'])
  for (const nobody of [runs[0]!, small]) await expect(it.retention.accept(job.id, nobody)).rejects.toMatchObject({ code: 'not_found' })
  const other = await it.hub.addJob()
  await expect(it.retention.giveUp(other.id, small)).rejects.toMatchObject({ code: 'not_found' })
})

test('deleting the suspicious artifact is a judgement too', async () => {
  await using it = await openRetentionCase()
  const job = await it.hub.addJob(keepLast(10))
  await it.nights(job, 5)
  const small = await it.backUp(job, { files: 1 })
  await it.deletion.requestDelete({ runIds: [small], force: false, by: 'person' })
  await it.retention.tick()
  expect(await brakesOf(it, job.id)).toEqual([])
})

test('a mount that is not there any more is suspicious from the second run on', async () => {
  await using it = await openRetentionCase()
  const job = await it.hub.addJob(keepLast(1))
  const root: CoverageItem = { path: '/srv', unit: 'ext4:/dev/sda1', read: 'live' }
  await it.backUp(job, { coverage: [root, { path: '/srv/data', unit: 'ext4:/dev/sdb1', read: 'live' }] })
  await it.backUp(job, { coverage: [root] })
  const { brakes } = await it.retention.describe(job.id)
  expect(brakes.map(({ message }) => message)).toEqual([
    'a run found far less than the ones before: /srv/data was a mount of ext4:/dev/sdb1, and is none any more',
  ])
})

test('an empty run is suspicious from the second run on: a disk that is not there looks like an empty folder', async () => {
  await using it = await openRetentionCase()
  const job = await it.hub.addJob(keepLast(1))
  const full = await it.backUp(job)
  const runs = [await it.backUp(job, { files: 0 }), await it.backUp(job, { files: 0 })]
  await it.look()
  expect(await brakesOf(it, job.id)).toEqual(['suspicious'])
  await it.retention.apply(job.id, { despite_brakes: true })
  expect(await it.leaving([full, ...runs])).toEqual([])
})

test('a mount is missed whatever kind of source it was in', async () => {
  await using it = await openRetentionCase()
  const source = { type: 'vaultwarden', data_dir: '/srv/vaultwarden' } as const
  const job = await it.hub.addJob({ ...keepLast(1), source })
  const data: CoverageItem = { path: '/srv/vaultwarden', unit: 'ext4:/dev/sda1', read: 'live' }
  await it.backUp(job, { source: 'vaultwarden', coverage: [data, { path: '/srv/vaultwarden/attachments', unit: 'nfs:box', read: 'live' }] })
  const small = await it.backUp(job, { source: 'vaultwarden', coverage: [data] })
  expect(await brakesOf(it, job.id)).toEqual(['suspicious'])
  expect(await it.hub.store.artifacts.get(small)).toMatchObject({
    suspicious: [{ kind: 'mount_vanished', path: '/srv/vaultwarden/attachments', unit: 'nfs:box' }],
    judged: null,
  })
  await it.retention.accept(job.id, small)
  expect(await it.hub.store.artifacts.get(small)).toMatchObject({ judged: 'accepted' })
})

test('a clock that jumps stops all deletes, until it has gone steadily for a day or a person says that it is right', async () => {
  await using it = await openRetentionCase()
  const job = await it.hub.addJob(keepLast(1))
  await it.retention.tick()
  const runs = [await it.backUp(job), await it.backUp(job), await it.backUp(job)]
  it.hub.clock.advance(10 * day)
  await it.look()
  expect(await it.leaving(runs)).toEqual([])
  expect((await it.retention.brakes())[0]).toMatchObject({ kind: 'clock', job_id: null, target_id: null })
  for (let hours = 0; hours < 23; hours++) {
    it.hub.clock.advance(hour)
    await it.retention.tick()
  }
  expect(await it.leaving(runs)).toEqual([])
  it.hub.clock.advance(hour)
  await it.retention.tick()
  expect(await it.leaving(runs)).toEqual(runs.slice(0, 2))
  expect(await it.retention.brakes()).toEqual([])

  it.hub.clock.advance(-10 * day)
  runs.push(await it.backUp(job))
  await it.look()
  expect(await brakesOf(it, job.id)).toEqual(['clock'])
  await it.retention.releaseClock()
  expect(await brakesOf(it, job.id)).toEqual([])
  it.hub.clock.advance(hour)
  await it.retention.tick()
  expect(await it.leaving(runs)).toEqual(runs.slice(0, 3))
})

test('deletes that fail on a target stop more of them there, and nowhere else; one that succeeds releases it', async () => {
  await using it = await openRetentionCase()
  const job = await it.hub.addJob(keepLast(1, { max_delete_per_tick: 1 }))
  const elsewhere = await it.hub.addJob(keepLast(1))
  const runs = await it.nights(job, 4, { target_id: 'broken' })
  const others = [await it.backUp(elsewhere, { target_id: 'sound' }), await it.backUp(elsewhere, { target_id: 'sound' })]
  expect(await it.leaving([...runs, ...others])).toEqual(runs.slice(0, 2))
  const answer = async (result: object) => {
    await it.queue.tick()
    for (;;) {
      const { request_id, request } = await it.node.next('request')
      if (request.kind !== 'artifact.delete') throw new Error(request.kind)
      const results = request.artifacts.map(({ run_id }) => ({ run_id, ...result }))
      it.node.send({ type: 'reply', request_id, ok: { results } })
      return
    }
  }
  const settled = async (runId: string, ...statuses: string[]) => {
    for (;;) {
      const task = await it.hub.store.deleteTasks.get(runId)
      if (task !== null && statuses.includes(task.status)) return task
      await new Promise((resolve) => setTimeout(resolve, 10))
    }
  }
  const error = { code: 'target_permission', message: 'permission denied', hint: 'look' }
  await answer({ result: 'failed', error, touched: false })
  await settled(runs[0]!, 'blocked')
  await settled(runs[1]!, 'blocked')
  await it.look()
  expect((await it.retention.describe(job.id)).brakes).toMatchObject([
    { kind: 'deletes', target_id: 'broken', message: '2 artifacts could not be deleted from the target: permission denied' },
  ])
  // Elsewhere it goes on.
  expect(await it.leaving([...runs, ...others])).toEqual([...runs.slice(0, 2), others[0]])
  // A second attempt is no success yet.
  await it.deletion.retryNow(runs[0]!, {})
  await it.look()
  expect(await brakesOf(it, job.id)).toEqual(['deletes'])
  await it.deletion.ignore(runs[1]!, {})
  await it.retention.tick()
  expect(await brakesOf(it, job.id)).toEqual(['deletes'])
  await it.deletion.ignore(runs[0]!, {})
  await it.retention.tick()
  expect(await brakesOf(it, job.id)).toEqual([])
})

test('a brake that is on for more than a week is told of once', async () => {
  await using it = await openRetentionCase()
  const job = await it.hub.addJob({ ...keepLast(1), retry: { attempts: 0 } })
  for (let run = 0; run < 3; run++) await it.backUp(job, { fails: true })
  for (let days = 0; days < 9; days++) {
    it.hub.clock.advance(day - 1)
    await it.retention.tick()
    expect(it.warnings.length).toBe(days >= 7 ? 1 : 0)
  }
  expect((await it.retention.brakes())[0]).toMatchObject({ kind: 'failing', overdue: true })
})

test('who listens is told when a brake comes on, and when it is released', async () => {
  await using it = await openRetentionCase()
  const job = await it.hub.addJob({ ...keepLast(1), retry: { attempts: 0 } })
  const told: unknown[] = []
  using _jobs = it.hub.live.subscribe('jobs', (message) => message.type === 'retention.changed' && told.push(message.job_id))
  for (let run = 0; run < 3; run++) await it.backUp(job, { fails: true })
  expect(told).toEqual([job.id])
  await it.backUp(job)
  expect(told).toEqual([job.id, job.id])
})
