import fc from 'fast-check'
import { setTimeout as wait } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { grades } from '../../../src/core/grade.ts'
import type { RetentionPolicy } from '../../../src/core/retention.ts'
import type { BrakeKind } from '../../../src/core/retention-brakes.ts'
import { codedFailure } from '../../../src/core/work-state.ts'
import type { RetentionPreview } from '../../../src/protocol/http/retention-routes.ts'
import type { DeleteTaskRecord } from '../../../src/hub/store/delete-task-store.ts'
import type { HeldArtifact } from '../../../src/hub/store/retention-store.ts'
import type { JobRecord } from '../../../src/hub/store/job-store.ts'
import { somePolicy } from '../../support/retention-arbitraries.ts'
import { type BackedUp, day, hour, openRetentionCase, type RetentionCase } from '../../support/retention-case.ts'
import { scale } from '../../support/scale.ts'
import { seed } from '../../support/seed.ts'

/** What happens to a job, by whom ever. `nth` picks one of what there is. */
type Step =
  | { do: 'back up'; facts: BackedUp }
  | { do: 'pin' | 'unpin' | 'accept' | 'give up' | 'retry' | 'ignore'; nth: number }
  | { do: 'look' | 'apply' | 'release the clock' }
  | { do: 'wait' | 'jump'; ms: number }
  | { do: 'answer deletes'; well: boolean }

const someRun = fc.record({
  files: fc.constantFrom(100, 100, 100, 90, 30, 0),
  grade: fc.constantFrom(...grades),
  target_id: fc.constantFrom('target-a', 'target-b'),
  fails: fc.constantFrom(false, false, false, true),
  unreadable: fc.constantFrom(0, 0, 0, 1),
})
const nth = fc.nat(20)
const someStep: fc.Arbitrary<Step> = fc.oneof(
  { weight: 10, arbitrary: someRun.map((facts) => ({ do: 'back up' as const, facts })) },
  { weight: 3, arbitrary: fc.record({ do: fc.constantFrom('pin', 'unpin', 'accept', 'give up', 'retry', 'ignore'), nth }) },
  { weight: 6, arbitrary: fc.record({ do: fc.constantFrom('look', 'look', 'apply', 'release the clock') }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('wait' as const), ms: fc.integer({ min: hour, max: 23 * hour }) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('jump' as const), ms: fc.constantFrom(-30 * day, -2 * day, 2 * day, 40 * day) }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('answer deletes' as const), well: fc.boolean() }) },
)

const pick = <T>(among: readonly T[], at: number): T | undefined => among[at % Math.max(1, among.length)]

async function take(it: RetentionCase, job: JobRecord, step: Step): Promise<void> {
  const { store } = it.hub
  switch (step.do) {
    case 'back up':
      return void (await it.backUp(job, step.facts))
    case 'pin':
    case 'unpin': {
      const one = pick(await store.retention.artifacts(job.id), step.nth)
      if (one?.standing !== 'damaged' && one !== undefined)
        await store.artifacts.change(one.run_id, 'present', { pinned_at: step.do === 'pin' ? it.hub.clock.now() : null })
      return
    }
    case 'accept':
    case 'give up': {
      const one = pick(await store.retention.unjudged(job.id, 100), step.nth)
      if (one !== undefined) await (step.do === 'accept' ? it.retention.accept(job.id, one.run_id) : it.retention.giveUp(job.id, one.run_id))
      return
    }
    case 'retry':
    case 'ignore': {
      const one = pick(await openDeletes(it), step.nth)
      if (one !== undefined) await (step.do === 'retry' ? it.deletion.retryNow(one.run_id, {}) : it.deletion.ignore(one.run_id, {}))
      return
    }
    case 'look':
      return await it.look()
    case 'apply':
      return await applyWhatIsPreviewed(it, job)
    case 'release the clock':
      return await it.retention.releaseClock()
    case 'wait':
    case 'jump':
      it.hub.clock.advance(step.ms)
      return void (await it.retention.tick())
    case 'answer deletes':
      return await answerDeletes(it, step.well)
  }
}

/** Deletes that are neither done nor ignored. */
async function openDeletes({ hub: { store } }: RetentionCase): Promise<DeleteTaskRecord[]> {
  const of = (status: 'deleting' | 'error') => store.artifacts.list({ status }, { sort: 'ended_at', order: 'asc' }, { limit: 200 })
  const artifacts = [...(await of('deleting')).items, ...(await of('error')).items]
  const tasks = await Promise.all(artifacts.map(({ run_id }) => store.deleteTasks.get(run_id)))
  return tasks.filter((task) => task !== null)
}

/** The node answers all that is due, until nothing is. */
async function answerDeletes(it: RetentionCase, well: boolean): Promise<void> {
  const error = codedFailure('target_permission', 'permission denied')
  const isDue = (task: DeleteTaskRecord) => task.status === 'running' || (task.next_attempt_at !== null && task.next_attempt_at <= it.hub.clock.now())
  while ((await openDeletes(it)).some(isDue)) {
    await it.queue.tick()
    const { request_id, request } = await it.node.next('request')
    if (request.kind !== 'artifact.delete') throw new Error(request.kind)
    const results = request.artifacts.map(({ run_id }) =>
      well ? { run_id, result: 'removed' as const, objects: 3, bytes: 400 } : { run_id, result: 'failed' as const, error, touched: false },
    )
    it.node.send({ type: 'reply', request_id, ok: { results } })
    for (const { run_id } of results) while ((await it.hub.store.deleteTasks.get(run_id))?.status === 'running') await wait(2)
  }
}

/** A person looks at a preview and applies it: what it said goes now goes, and nothing else. */
async function applyWhatIsPreviewed(it: RetentionCase, job: JobRecord): Promise<void> {
  const { fingerprint, delete: gone } = await it.retention.preview(job.id, { months: 0 })
  const { run_ids } = await it.retention.apply(job.id, { fingerprint, despite_brakes: true })
  expect(run_ids).toEqual(gone.flatMap(({ run_id, now }) => (now ? [run_id] : [])))
}

interface Standing {
  artifacts: Map<string, HeldArtifact>
  preview: RetentionPreview
  brakes: { kind: BrakeKind; target_id: string | null }[]
}

async function standing(it: RetentionCase, job: JobRecord): Promise<Standing> {
  const artifacts = new Map((await it.hub.store.retention.artifacts(job.id)).map((one) => [one.run_id, one]))
  return { artifacts, preview: await it.retention.preview(job.id, { months: 0 }), brakes: (await it.retention.describe(job.id)).brakes }
}

/** What must be true of a step, whichever it was. */
function check(before: Standing, after: Standing, step: Step, policy: RetentionPolicy): void {
  const left = [...before.artifacts.values()].filter(({ run_id }) => !after.artifacts.has(run_id))
  expect(left.length).toBeLessThanOrEqual(policy.max_delete_per_tick)
  for (const { pinned, standing: is } of left) expect([pinned, is]).toEqual([false, expect.stringMatching(/^(good|given_up)$/)])
  if (before.preview.keep.some(({ reasons }) => reasons.some(({ rule }) => rule === 'newest_good'))) {
    expect(after.preview.keep.some(({ reasons }) => reasons.some(({ rule }) => ['newest_good', 'pinned', 'future'].includes(rule)))).toBe(true)
  }
  if (step.do === 'apply') return
  // By itself: nothing while a brake is on.
  const stays = (kind: BrakeKind) => [before, after].every(({ brakes }) => brakes.some((brake) => brake.kind === kind))
  for (const kind of ['failing', 'suspicious', 'clock'] as const) if (stays(kind)) expect(left).toEqual([])
  for (const { target_id } of before.brakes.filter(({ kind }) => kind === 'deletes')) {
    if (after.brakes.some((brake) => brake.target_id === target_id)) expect(left.map((one) => one.target_id)).not.toContain(target_id)
  }
}

/** Everything that a brake names as its release, done once. */
async function releaseAll(it: RetentionCase, job: JobRecord): Promise<void> {
  await it.backUp(job, { target_id: 'target-a' })
  for (const { run_id } of await it.hub.store.retention.unjudged(job.id, 100)) {
    // Others may have become good with the one before.
    if ((await it.hub.store.retention.suspicious(job.id, run_id))?.judged === null) await it.retention.accept(job.id, run_id)
  }
  for (const { run_id } of await openDeletes(it)) await it.deletion.retryNow(run_id, {})
  await answerDeletes(it, true)
  await it.retention.releaseClock()
  await it.look()
}

test('whatever happens to a job: brakes hold, limits hold, nothing goes that a preview kept, and every brake can be released', async () => {
  await fc.assert(
    fc.asyncProperty(somePolicy, fc.array(someStep, { minLength: 15, maxLength: 40 }), async (policy, steps) => {
      await using it = await openRetentionCase()
      const enabled = { ...policy, enabled: true, keep_last: policy.keep_last ?? 2 }
      const job = await it.hub.addJob({ retry: { attempts: 0 }, retention: { mode: 'custom', ...enabled } })
      await it.retention.tick()
      let before = await standing(it, job)
      for (const step of steps) {
        await take(it, job, step)
        const after = await standing(it, job)
        check(before, after, step, enabled)
        before = after
      }
      await releaseAll(it, job)
      // Runs of a clock that was ahead by less than a day are the last ones until that time has come.
      for (let days = 0; days < 60 && (await it.retention.brakes()).length > 0; days++) {
        it.hub.clock.advance(day - hour)
        await it.retention.tick()
        await releaseAll(it, job)
      }
      expect(await it.retention.brakes()).toEqual([])
      // In the end the index keeps what the rules keep, and nothing else.
      await answerDeletes(it, true)
      for (let days = 0; days < 60 && (await standing(it, job)).preview.totals.delete > 0; days++) {
        it.hub.clock.advance(day - hour)
        await it.retention.tick()
        await answerDeletes(it, true)
      }
      const { preview, artifacts } = await standing(it, job)
      expect(preview.totals.delete).toBe(0)
      expect(preview.keep.map(({ run_id }) => run_id).toSorted()).toEqual([...artifacts.keys()].toSorted())
      expect(await openDeletes(it)).toEqual([])
    }),
    { seed, numRuns: scale(20, 500), endOnFailure: true },
  )
})
