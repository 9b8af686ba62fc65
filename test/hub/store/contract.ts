import assert from 'node:assert/strict'
import type { RunEvent } from '../../../src/core/run-event.ts'
import type { Store } from '../../../src/hub/store/store.ts'
import { aDeleteTask, aJob, anArtifact, anId, aRun, someTime } from '../../support/hub-records.ts'
import { z } from 'zod'

/** What every database under the store keeps to, as data: each case gets a store with nothing in it. */
export interface StoreContractCase {
  readonly name: string
  run(store: Store): Promise<void>
}

const minute = 60_000

function event(kind: RunEvent['kind'], message: string = kind): RunEvent {
  return { ts: someTime, level: 'info', kind, message, fields: { n: 1 } }
}

async function jobWithRun(store: Store) {
  const job = aJob()
  await store.jobs.insert(job)
  const run = aRun(job)
  assert.equal(await store.runs.insert(run), true)
  return { job, run }
}

export const storeContract: readonly StoreContractCase[] = [
  {
    name: 'gives a job back as it was put in, every default filled in',
    async run(store) {
      const job = aJob({ spec: { schedule: '0 3 * * *', schedule_timezone: 'Europe/Berlin' }, next_run_at: someTime })
      await store.jobs.insert(job)
      assert.deepEqual(await store.jobs.get(job.id), job)
      assert.equal(await store.jobs.get(anId(0, 'none')), null)
    },
  },
  {
    name: 'lists jobs newest first, page by page, each once, with its last run',
    async run(store) {
      for (let at = 0; at < 7; at++) {
        const job = aJob({ created_at: someTime + at, spec: { name: `job ${at}` } })
        await store.jobs.insert(job)
        for (let run = 0; run < at; run++) await store.runs.insert(aRun(job, { created_at: someTime + run, id: anId(someTime + run, `${at}`) }))
      }
      const seen: string[] = []
      let cursor: string | undefined
      for (;;) {
        const page = await store.jobs.list({}, { cursor, limit: 3 })
        for (const { name, last_run } of page.items) seen.push(`${name}: ${last_run === null ? 'none' : last_run.created_at - someTime}`)
        if (page.next_cursor === null) break
        cursor = page.next_cursor
      }
      assert.deepEqual(seen, ['job 6: 5', 'job 5: 4', 'job 4: 3', 'job 3: 2', 'job 2: 1', 'job 1: 0', 'job 0: none'])
    },
  },
  {
    name: 'says that there is no next page when the last one is full',
    async run(store) {
      await store.jobs.insert(aJob({ spec: { name: 'a' } }))
      await store.jobs.insert(aJob({ spec: { name: 'b' } }))
      assert.equal((await store.jobs.list({}, { limit: 2 })).next_cursor, null)
      await assert.rejects(store.jobs.list({}, { limit: 201 }), RangeError)
    },
  },
  {
    name: 'keeps archived jobs out of the list of the others',
    async run(store) {
      const job = aJob()
      await store.jobs.insert(job)
      assert.equal(await store.jobs.archive(job.id, { archived_at: someTime, next_run_at: null, updated_at: someTime }), true)
      assert.deepEqual((await store.jobs.list({}, { limit: 10 })).items, [])
      assert.equal((await store.jobs.list({ archived: true }, { limit: 10 })).items.length, 1)
    },
  },
  {
    name: 'removes a job with all that belongs to it, and nothing else',
    async run(store) {
      const { job, run } = await jobWithRun(store)
      const other = aJob({ spec: { name: 'other' } })
      await store.jobs.insert(other)
      await store.runEvents.append(run.id, [event('queued')])
      await store.artifacts.insert(anArtifact(run))
      await store.deleteTasks.insert(aDeleteTask(anArtifact(run)))
      await store.deleteTasks.log(run.id, { ts: someTime, level: 'info', kind: 'requested', message: 'gone', fields: {} })
      await store.history.removeJob(job.id)
      assert.equal(await store.jobs.get(job.id), null)
      assert.equal(await store.runs.get(run.id), null)
      assert.equal(await store.artifacts.get(run.id), null)
      assert.equal(await store.deleteTasks.get(run.id), null)
      assert.deepEqual(await store.deleteTasks.events(run.id, 0, 10), [])
      assert.deepEqual((await store.runEvents.list(run.id, 0, 10)).items, [])
      assert.notEqual(await store.jobs.get(other.id), null)
    },
  },
  {
    name: 'knows the jobs that write with a secret, until they are given another one or archived',
    async run(store) {
      const withSecret = (name: string, secret_name: string) =>
        aJob({ spec: { name, target: { type: 'webdav', base_url: 'https://dav.example.org/b', secret_name } } })
      const [a, b] = [withSecret('a', 'dav'), withSecret('b', 'dav')]
      for (const job of [a, b, withSecret('c', 'other'), aJob()]) await store.jobs.insert(job)
      assert.deepEqual((await store.jobs.usingSecret('hub', 'dav', 10)).toSorted(), ['a', 'b'])
      assert.equal((await store.jobs.usingSecret('hub', 'dav', 1)).length, 1)
      assert.deepEqual(await store.jobs.usingSecret('elsewhere', 'dav', 10), [])
      const { target_id, next_run_at } = a
      await store.jobs.update(a.id, { spec: withSecret('a', 'other').spec, target_id, next_run_at, updated_at: someTime })
      await store.jobs.archive(b.id, { archived_at: someTime, next_run_at: null, updated_at: someTime })
      assert.deepEqual(await store.jobs.usingSecret('hub', 'dav', 10), [])
    },
  },
  {
    name: 'has one run for a fire time of a job, whoever asks',
    async run(store) {
      const job = aJob()
      await store.jobs.insert(job)
      const inserted = await Promise.all([1, 2, 3].map((n) => store.runs.insert(aRun(job, { id: anId(someTime, `${n}`), fire_at: someTime }))))
      assert.deepEqual(inserted, [true, false, false])
      assert.equal(await store.runs.insert(aRun(job, { id: anId(someTime, 'a') })), true)
      assert.equal(await store.runs.insert(aRun(job, { id: anId(someTime, 'b') })), true)
    },
  },
  {
    name: 'changes a run only from the state it is said to be in',
    async run(store) {
      const { run } = await jobWithRun(store)
      assert.equal(await store.runs.change(run.id, 'running', { state: 'finished' }), false)
      assert.equal(await store.runs.change(run.id, 'queued', { state: 'dispatched', offered_at: someTime }), true)
      const kept = await store.runs.get(run.id)
      assert.deepEqual([kept?.state, kept?.status, kept?.offered_at], ['dispatched', 'queued', someTime])
    },
  },
  {
    name: 'numbers the events of a run from 1 without a gap, those of the Hub and those of its node',
    async run(store) {
      const { run } = await jobWithRun(store)
      await store.transaction((tx) => tx.runEvents.append(run.id, [event('queued')]))
      await store.transaction((tx) => tx.runEvents.append(run.id, [event('started'), event('scan')], { firstNodeSeq: 1 }))
      await store.transaction((tx) => tx.runEvents.append(run.id, [event('cancel_requested')]))
      await store.transaction((tx) => tx.runEvents.append(run.id, [event('canceled')], { firstNodeSeq: 3 }))
      const { items, more } = await store.runEvents.list(run.id, 0, 100)
      assert.deepEqual(
        items.map(({ seq, kind }) => [seq, kind]),
        [
          [1, 'queued'],
          [2, 'started'],
          [3, 'scan'],
          [4, 'cancel_requested'],
          [5, 'canceled'],
        ],
      )
      assert.equal(more, false)
      assert.deepEqual(items[0]?.fields, { n: 1 })
      const kept = await store.runs.get(run.id)
      assert.deepEqual([kept?.last_seq, kept?.node_seq], [5, 3])
      assert.deepEqual(await store.runEvents.list(run.id, 3, 1), { items: [items[3]], more: true })
    },
  },
  {
    name: 'takes as many events at once as a node may have gathered',
    async run(store) {
      const { run } = await jobWithRun(store)
      const many = Array.from({ length: 5000 }, (_, at) => event('part_stored', `part ${at}`))
      await store.transaction((tx) => tx.runEvents.append(run.id, many, { firstNodeSeq: 1 }))
      const { items } = await store.runEvents.list(run.id, 4900, 1000)
      assert.equal(items.length, 100)
      assert.deepEqual([items.at(-1)?.seq, items.at(-1)?.message], [5000, 'part 4999'])
      assert.equal((await store.runs.get(run.id))?.node_seq, 5000)
    },
  },
  {
    name: 'forgets everything of a transaction that fails',
    async run(store) {
      const { run } = await jobWithRun(store)
      await assert.rejects(
        store.transaction(async (tx) => {
          await tx.runs.change(run.id, 'queued', { state: 'dispatched' })
          await tx.runEvents.append(run.id, [event('dispatched')])
          throw new Error('no')
        }),
        /^Error: no$/,
      )
      assert.equal((await store.runs.get(run.id))?.state, 'queued')
      assert.deepEqual((await store.runEvents.list(run.id, 0, 10)).items, [])
    },
  },
  {
    name: 'lets one transaction after the other see what was written before',
    async run(store) {
      const count = z.number()
      await store.settings.put('count', count, 0, someTime)
      await Promise.all(
        Array.from({ length: 20 }, () =>
          store.transaction(async (tx) => {
            const before = await tx.settings.get('count', count)
            await tx.settings.put('count', count, (before ?? 0) + 1, someTime)
          }),
        ),
      )
      assert.equal(await store.settings.get('count', count), 20)
    },
  },
  {
    name: 'shows readers outside of a transaction only what is committed',
    async run(store) {
      const { run } = await jobWithRun(store)
      await store.transaction(async (tx) => {
        await tx.runs.change(run.id, 'queued', { state: 'dispatched' })
        assert.equal((await tx.runs.get(run.id))?.state, 'dispatched')
        assert.equal((await store.runs.get(run.id))?.state, 'queued')
      })
      assert.equal((await store.runs.get(run.id))?.state, 'dispatched')
    },
  },
  {
    name: 'gives a node the oldest queued run of each job that has none with it',
    async run(store) {
      const [a, b] = [aJob({ spec: { name: 'a' } }), aJob({ spec: { name: 'b' } })]
      await store.jobs.insert(a)
      await store.jobs.insert(b)
      const running = aRun(a, { id: anId(someTime, '1'), state: 'running' })
      const waiting = aRun(a, { id: anId(someTime + 1, '2') })
      const later = aRun(b, { id: anId(someTime + 2, '3'), not_before: someTime + minute })
      const elsewhere = aRun(b, { id: anId(someTime + 3, '4'), node_id: 'other' })
      const ready = aRun(b, { id: anId(someTime + 4, '5') })
      for (const run of [running, waiting, later, elsewhere, ready]) await store.runs.insert(run)
      const ids = async (now: number) => (await store.runs.startable('hub', now, 10)).map(({ id }) => id)
      assert.deepEqual(await ids(someTime), [ready.id])
      assert.equal(await store.runs.nextStart('hub', someTime), someTime + minute)
      assert.deepEqual(await ids(someTime + minute), [later.id, ready.id])
      assert.deepEqual(
        (await store.runs.withNode('hub')).map(({ id }) => id),
        [running.id],
      )
      assert.deepEqual(
        (await store.runs.unended(a.id)).map(({ id }) => id),
        [running.id, waiting.id],
      )
      assert.deepEqual((await store.runs.nodesWaitedFor()).sort(), ['hub', 'other'])
    },
  },
  {
    name: 'lists runs by job and by status, newest first',
    async run(store) {
      const [a, b] = [aJob({ spec: { name: 'a' } }), aJob({ spec: { name: 'b' } })]
      await store.jobs.insert(a)
      await store.jobs.insert(b)
      const states = ['queued', 'dispatched', 'running', 'canceling', 'finished', 'failed', 'canceled', 'rejected'] as const
      for (const [at, state] of states.entries()) {
        for (const job of [a, b]) await store.runs.insert(aRun(job, { id: anId(someTime + at, job.id), state }))
      }
      const list = async (filter: Parameters<Store['runs']['list']>[0]) =>
        (await store.runs.list(filter, { limit: 100 })).items.map(({ state }) => state)
      assert.deepEqual(await list({ job_id: a.id }), states.toReversed())
      assert.deepEqual(await list({ job_id: a.id, status: 'queued' }), ['dispatched', 'queued'])
      assert.deepEqual(await list({ status: 'running' }), ['canceling', 'canceling', 'running', 'running'])
      assert.deepEqual(await list({ status: 'success' }), ['finished', 'finished'])
    },
  },
  {
    name: 'advances a job in its schedule once from where it stood',
    async run(store) {
      const job = aJob({ spec: { schedule: '* * * * *' }, next_run_at: someTime })
      await store.jobs.insert(job)
      assert.deepEqual(await store.schedule.due('hub', someTime - 1, 10), [])
      assert.deepEqual(await store.schedule.due('hub', someTime, 10), [job])
      assert.deepEqual(await store.schedule.due('other', someTime, 10), [])
      assert.equal(await store.schedule.next('hub'), someTime)
      const advanced = await Promise.all([1, 2].map(() => store.schedule.advance(job.id, someTime, someTime + minute)))
      assert.deepEqual(advanced, [true, false])
      assert.equal(await store.schedule.next('hub'), someTime + minute)
      assert.equal(await store.schedule.lastTick(), null)
      await store.schedule.setLastTick(someTime)
      assert.equal(await store.schedule.lastTick(), someTime)
    },
  },
  {
    name: 'keeps a name for one user, however it is written',
    async run(store) {
      const user = { role: 'admin' as const, password_hash: '$argon2id$…', created_at: 1, updated_at: 1, disabled_at: null }
      assert.equal(await store.users.any(), false)
      assert.equal(await store.users.insert({ ...user, id: '1', name: 'Ada' }), true)
      assert.equal(await store.users.insert({ ...user, id: '2', name: 'ADA' }), false)
      assert.equal((await store.users.byName('ada'))?.id, '1')
      assert.equal(await store.users.any(), true)
      assert.equal(await store.users.update('1', { password_hash: 'x', updated_at: 2 }), true)
      assert.equal((await store.users.get('1'))?.password_hash, 'x')
    },
  },
  {
    name: 'removes sessions one by one, of a user, and when they have expired',
    async run(store) {
      await store.users.insert({ id: 'u', name: 'ada', role: 'admin', password_hash: 'x', created_at: 1, updated_at: 1, disabled_at: null })
      const session = { user_id: 'u', csrf_token: 't', created_at: 1, seen_at: 1, address: '::1', user_agent: '' }
      for (const [id, expires_at] of Object.entries({ a: 10, b: 20, c: 30, d: 40 })) await store.sessions.insert({ ...session, id, expires_at })
      await store.sessions.removeExpired(10)
      assert.equal(await store.sessions.get('a'), null)
      assert.equal(await store.sessions.remove('b'), true)
      assert.equal(await store.sessions.remove('b'), false)
      await store.sessions.removeOf('u', 'c')
      assert.deepEqual(
        (await store.sessions.listOf('u')).map(({ id }) => id),
        ['c'],
      )
    },
  },
  {
    name: 'replaces what a secret holds and never lists it',
    async run(store) {
      const secret = { node_id: 'hub', name: 'dav', kind: 'webdav', sealed: new Uint8Array([1, 2, 3]), created_at: 1, updated_at: 1 }
      await store.secrets.put(secret)
      await store.secrets.put({ ...secret, sealed: new Uint8Array([4]), created_at: 2, updated_at: 2 })
      assert.deepEqual(await store.secrets.get('hub', 'dav'), { ...secret, sealed: new Uint8Array([4]), updated_at: 2 })
      assert.deepEqual(await store.secrets.listOf('hub'), [{ node_id: 'hub', name: 'dav', kind: 'webdav', created_at: 1, updated_at: 2 }])
      assert.equal(await store.secrets.get('other', 'dav'), null)
      assert.equal(await store.secrets.remove('hub', 'dav'), true)
    },
  },
  {
    name: 'keeps the first key of a name',
    async run(store) {
      const key = { name: 'default', recipient: 'age1a', sealed: new Uint8Array([1]), created_at: 1, exported_at: null }
      const kept = await Promise.all([store.ageKeys.insertIfAbsent(key), store.ageKeys.insertIfAbsent({ ...key, recipient: 'age1b' })])
      assert.deepEqual(
        kept.map(({ recipient }) => recipient),
        ['age1a', 'age1a'],
      )
      assert.deepEqual(
        (await store.ageKeys.byRecipients(['age1b', 'age1a'])).map(({ name }) => name),
        ['default'],
      )
      await store.ageKeys.noteExported('default', 5)
      assert.deepEqual(await store.ageKeys.list(), [{ name: 'default', recipient: 'age1a', created_at: 1, exported_at: 5 }])
    },
  },
]
