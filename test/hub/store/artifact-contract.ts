import assert from 'node:assert/strict'
import type { DeleteTask } from '../../../src/core/delete-task.ts'
import type { ArtifactFilter, ArtifactOrder, NewArtifact } from '../../../src/hub/store/artifact-store.ts'
import type { Store } from '../../../src/hub/store/store.ts'
import { aDeleteTask, aJob, anArtifact, anId, aRun, someTime } from '../../support/hub-records.ts'
import type { StoreContractCase } from './contract.ts'

const minute = 60_000
const newestFirst: ArtifactOrder = { sort: 'ended_at', order: 'desc' }

/** Artifacts of one job, a minute apart, named by their number. */
async function addArtifacts(
  store: Store,
  count: number,
  of: (at: number) => Partial<NewArtifact> = () => ({}),
  name = 'srv',
): Promise<NewArtifact[]> {
  const job = aJob({ id: anId(someTime, name), spec: { name } })
  await store.jobs.insert(job)
  const made: NewArtifact[] = []
  for (let at = 0; at < count; at++) {
    const run = aRun(job, { id: anId(someTime + at * minute, `${name} ${at}`), state: 'finished', ended_at: someTime })
    await store.runs.insert(run)
    const artifact = anArtifact(run, { ended_at: someTime + at * minute, ...of(at) })
    await store.artifacts.insert(artifact)
    made.push(artifact)
  }
  return made
}

async function addTask(store: Store, artifact: NewArtifact, task: Partial<DeleteTask> = {}): Promise<void> {
  await store.deleteTasks.insert(aDeleteTask(artifact, task))
}

async function listAll(store: Store, filter: ArtifactFilter, order: ArtifactOrder, limit = 3): Promise<string[]> {
  const seen: string[] = []
  for (let cursor: string | null | undefined; cursor !== null;) {
    const page = await store.artifacts.list(filter, order, { cursor, limit })
    seen.push(...page.items.map(({ run_id }) => run_id))
    cursor = page.next_cursor
  }
  return seen
}

/** Artifacts and their deletes, as every database under the store keeps them. */
export const artifactContract: readonly StoreContractCase[] = [
  {
    name: 'gives an artifact back as it was put in, present and in nobody’s way',
    async run(store) {
      const [artifact] = await addArtifacts(store, 1)
      assert.deepEqual(await store.artifacts.get(artifact!.run_id), {
        ...artifact,
        status: 'present',
        files: 3,
        source_bytes: 1000,
        stored_bytes: 400,
        hub_id: null,
        pinned_at: null,
        deleted_at: null,
        ignored_at: null,
        suspicious: null,
        judged: null,
        last_error_kind: null,
        last_error: null,
        last_attempt_at: null,
      })
      assert.equal((await store.artifacts.listed(artifact!.run_id))?.job_name, 'srv')
      assert.equal(await store.artifacts.get(anId(0, 'none')), null)
    },
  },
  {
    name: 'lists artifacts by time and by size, either way, each once, those of the same size too',
    async run(store) {
      const made = await addArtifacts(store, 8, (at) => ({ totals: { files: 1, source_bytes: at % 3, stored_bytes: 100 - at } }))
      const ids = made.map(({ run_id }) => run_id)
      assert.deepEqual(await listAll(store, {}, newestFirst), ids.toReversed())
      assert.deepEqual(await listAll(store, {}, { sort: 'ended_at', order: 'asc' }), ids)
      assert.deepEqual(await listAll(store, {}, { sort: 'stored_bytes', order: 'asc' }), ids.toReversed())
      const bySource = [0, 3, 6, 1, 4, 7, 2, 5].map((at) => ids[at])
      assert.deepEqual(await listAll(store, {}, { sort: 'source_bytes', order: 'asc' }), bySource)
      assert.deepEqual(await listAll(store, {}, { sort: 'source_bytes', order: 'desc' }), bySource.toReversed())
      await assert.rejects(store.artifacts.list({}, newestFirst, { cursor: 'elsewhere', limit: 3 }), { code: 'invalid_spec' })
    },
  },
  {
    name: 'lists what may still be there, and the rest when it is asked for',
    async run(store) {
      const [present, deleting, gone, missing, failed, ignored] = await addArtifacts(store, 6)
      const set = (
        artifact: NewArtifact | undefined,
        ...change: Parameters<Store['artifacts']['change']> extends [string, ...infer Rest] ? Rest : never
      ) => store.artifacts.change(artifact!.run_id, ...change)
      assert.equal(await set(deleting, 'present', { status: 'deleting' }), true)
      assert.equal(await set(deleting, 'present', { status: 'error' }), false)
      await set(gone, 'present', { status: 'deleted', deleted_at: someTime })
      await set(missing, 'present', { status: 'missing', deleted_at: someTime })
      await set(failed, 'present', { status: 'error', last_error_kind: 'damaged' })
      await set(ignored, 'present', { status: 'error', ignored_at: someTime })
      await set(present, 'present', { pinned_at: someTime })
      const found = async (filter: ArtifactFilter) =>
        (await listAll(store, filter, { sort: 'ended_at', order: 'asc' })).map((id) => order.indexOf(id))
      const order = [present, deleting, gone, missing, failed, ignored].map((artifact) => artifact!.run_id)
      assert.deepEqual(await found({}), [0, 1, 4])
      assert.deepEqual(await found({ status: 'deleted' }), [2])
      assert.deepEqual(await found({ status: 'missing' }), [3])
      assert.deepEqual(await found({ status: 'error' }), [4])
      assert.deepEqual(await found({ ignored: true }), [5])
      assert.deepEqual(await found({ pinned: true }), [0])
      assert.deepEqual(await found({ pinned: false }), [1, 4])
      assert.deepEqual(await found({ target_type: 'webdav' }), [])
      assert.deepEqual(await found({ job_id: present!.job_id, node_id: 'hub', target_type: 'local_dir' }), [0, 1, 4])
      assert.deepEqual(await store.artifacts.liveOf(present!.job_id, '', 10), [order[0], order[1], order[4]])
      assert.deepEqual(await store.artifacts.liveOf(present!.job_id, order[0]!, 1), [order[1]])
      await addTask(store, missing!, { status: 'done', next_attempt_at: null })
      await set(gone, 'deleted', { status: 'missing' })
      await addTask(store, gone!, { status: 'done', next_attempt_at: null, missing_confirmed: true })
      assert.equal(await store.artifacts.missingSince('target-1', someTime), 1)
      assert.equal(await store.artifacts.missingSince('target-1', someTime + 1), 0)
      assert.deepEqual(await store.artifacts.counts(), {
        status: { present: 1, deleting: 1, error: 1 },
        present: [{ target_type: 'local_dir', stored_bytes: 400 }],
      })
    },
  },
  {
    name: 'lets go of a delete only who holds it in the status that was read',
    async run(store) {
      const [artifact] = await addArtifacts(store, 1)
      const id = artifact!.run_id
      await addTask(store, artifact!, { force: true })
      assert.deepEqual(await store.deleteTasks.get(id), { ...aDeleteTask(artifact!, { force: true }), claimed_by: null })
      const claim = { status: 'running', next_attempt_at: null, lease_until: someTime + minute, ended_at: null } as const
      assert.equal(await store.deleteTasks.change(id, 'queued', claim, 'worker-1'), true)
      assert.equal(await store.deleteTasks.change(id, 'queued', claim, 'worker-2'), false)
      assert.equal((await store.deleteTasks.get(id))?.claimed_by, 'worker-1')
      await store.deleteTasks.extendLeases('worker-2', [id], someTime + 9 * minute)
      assert.equal((await store.deleteTasks.get(id))?.lease_until, someTime + minute)
      await store.deleteTasks.extendLeases('worker-1', [id], someTime + 2 * minute)
      assert.deepEqual(await store.deleteTasks.lost('worker-1', someTime + 2 * minute - 1, 10), [])
      assert.deepEqual(await store.deleteTasks.lost('worker-1', someTime + 2 * minute, 10), [id])
      assert.deepEqual(await store.deleteTasks.lost('worker-2', someTime, 10), [id])
      const error = { code: 'target_auth', message: 'no', hint: 'yes' } as const
      const blocked = {
        status: 'blocked',
        next_attempt_at: null,
        lease_until: null,
        ended_at: null,
        touched: true,
        last_error_kind: 'auth',
        last_error: error,
      } as const
      assert.equal(await store.deleteTasks.change(id, 'running', blocked), true)
      assert.deepEqual(await store.deleteTasks.get(id), {
        ...aDeleteTask(artifact!, { force: true }),
        ...blocked,
        claimed_by: null,
      })
    },
  },
  {
    name: 'finds the deletes that are due, place by place, the longest waiting first',
    async run(store) {
      const made = await addArtifacts(store, 5, (at) => ({ target_id: at === 4 ? 'target-2' : 'target-1' }))
      for (const [at, next] of [3, 1, 9, null, 5].entries()) {
        await addTask(store, made[at]!, { next_attempt_at: next === null ? null : someTime + next })
      }
      const places = await store.deleteTasks.places()
      assert.deepEqual(
        places.toSorted((a, b) => (a.target_id < b.target_id ? -1 : 1)),
        [
          { node_id: 'hub', target_id: 'target-1', next_attempt_at: someTime + 1 },
          { node_id: 'hub', target_id: 'target-2', next_attempt_at: someTime + 5 },
        ],
      )
      const due = await store.deleteTasks.due({ node_id: 'hub', target_id: 'target-1' }, someTime + 5, 10)
      assert.deepEqual(
        due.map(({ run_id }) => made.findIndex((artifact) => artifact.run_id === run_id)),
        [1, 0],
      )
    },
  },
  {
    name: 'counts deletes, and knows on which targets they fail or are held',
    async run(store) {
      const made = await addArtifacts(store, 7, (at) => ({ target_id: at < 3 ? 'target-1' : at < 5 ? 'target-2' : 'target-3' }))
      await addTask(store, made[0]!, { status: 'blocked', last_error_kind: 'missing_held', next_attempt_at: null, since: someTime - 5 })
      await addTask(store, made[1]!, { status: 'blocked', last_error_kind: 'missing_held', next_attempt_at: null, since: someTime - 9 })
      await addTask(store, made[2]!, { status: 'retrying', last_error_kind: 'network' })
      await addTask(store, made[3]!, { status: 'ignored', last_error_kind: 'network', next_attempt_at: null })
      await addTask(store, made[4]!, { status: 'queued', last_error_kind: 'node_offline' })
      await addTask(store, made[5]!, { status: 'done', next_attempt_at: null })
      await addTask(store, made[6]!, { status: 'abandoned', last_error_kind: 'unknown', next_attempt_at: null })
      assert.deepEqual(await store.deleteTasks.holds(), [{ target_id: 'target-1', artifacts: 2, since: someTime - 9 }])
      assert.deepEqual((await store.deleteTasks.held('target-1', 10)).toSorted(), [made[0]!.run_id, made[1]!.run_id])
      const failing = (await store.deleteTasks.failingTargets()).map(({ target_id, tasks }) => [target_id, tasks])
      assert.deepEqual(Object.fromEntries(failing), { 'target-1': 3, 'target-3': 1 })
      assert.deepEqual(await store.deleteTasks.counts(), {
        status: { queued: 1, running: 0, retrying: 1, blocked: 2, abandoned: 1, done: 1, ignored: 1 },
        oldestBlockedAt: someTime - 9,
      })
    },
  },
  {
    name: 'numbers what happened to a delete without a gap, and never loses a line',
    async run(store) {
      const [artifact] = await addArtifacts(store, 1)
      await addTask(store, artifact!)
      const event = { ts: someTime, level: 'info', kind: 'started', message: 'begun', fields: { attempt: 1 } } as const
      const kept = await store.transaction(async (tx) => [
        await tx.deleteTasks.log(artifact!.run_id, event),
        await tx.deleteTasks.log(artifact!.run_id, { ...event, kind: 'deleted' }),
      ])
      assert.deepEqual(
        kept.map(({ seq }) => seq),
        [1, 2],
      )
      assert.deepEqual(await store.deleteTasks.events(artifact!.run_id, 0, 10), kept)
      assert.deepEqual(await store.deleteTasks.events(artifact!.run_id, 1, 10), kept.slice(1))
    },
  },
]
