import { BastionError } from '../../core/errors.ts'
import type { WorkNoun } from '../../core/work-state.ts'
import { createOperationKind } from '../operations/operation-kind.ts'
import type { JobRecord } from '../store/job-store.ts'
import type { DispatchServices } from './dispatch-services.ts'
import { greetNode } from './greet-node.ts'
import { recipientsFor } from './make-offer.ts'
import { createMissingMessages } from './missing-messages.ts'
import { moveWork } from './move-work.ts'
import { type RequestedRun, requestRun, type RunCause } from './request-run.ts'
import { createRunKind } from './run-kind.ts'
import { takeMessage, type WorkKinds, workOf } from './take-message.ts'
import type { WorkChange, WorkKind } from './work-kind.ts'

/** Which node gets a run, and what becomes of it. Everything is kept before it is said. */
export interface Dispatch extends AsyncDisposable {
  /** A run now, as somebody asks for it. @throws BastionError not_found · conflict when the job is archived · encryption_key_not_kept */
  request(jobId: string): Promise<Exclude<RequestedRun, { result: 'known' }>>
  /** A run within a transaction of the caller, who calls {@link wake} when it is committed. */
  requestWithin(work: WorkChange, job: JobRecord, cause: RunCause): Promise<RequestedRun>
  /** Of a run, or an operation. Kept first, then sent. Twice is once. @throws BastionError not_found · conflict when it has ended */
  cancel(id: string, noun?: WorkNoun): Promise<void>
  /** The node may have something to start; resolves when that is offered. */
  wake(nodeId: string): Promise<void>
  /** What time alone brings: retries that are due, what waits for a node that has not come for a day, what nodes still owe. @returns when to look again, at the latest */
  tick(): Promise<number | null>
}

const patienceMs = 24 * 60 * 60_000

export function createDispatch(services: DispatchServices): Dispatch {
  const { store, changes, sessions, clock, log, newId } = services
  const waking = new Map<string, { again: boolean; done: Promise<void> }>()
  const missing = createMissingMessages(services)
  const kinds: WorkKinds = { run: createRunKind(services), operation: createOperationKind(services) }
  const allKinds: readonly WorkKind[] = [kinds.run, kinds.operation]
  let isClosed = false

  /** Never twice at a time for a node; who asks meanwhile gets another look afterwards. */
  function wake(nodeId: string): Promise<void> {
    if (isClosed) return Promise.resolve()
    const running = waking.get(nodeId)
    if (running !== undefined) {
      running.again = true
      return running.done
    }
    const entry = { again: false, done: Promise.resolve() }
    waking.set(nodeId, entry)
    entry.done = (async () => {
      try {
        do {
          entry.again = false
          for (const kind of allKinds) await kind.start(nodeId)
        } while (entry.again && !isClosed)
      } catch (error) {
        log.error({ node_id: nodeId, err: error }, 'runs or operations could not be started')
      } finally {
        waking.delete(nodeId)
      }
    })()
    return entry.done
  }

  sessions.listen({
    async hello(nodeId, { known_runs, known_operations }) {
      await greetNode(
        services,
        kinds.run,
        nodeId,
        known_runs.map(({ run_id: id, ...known }) => ({ id, ...known })),
      )
      await greetNode(
        services,
        kinds.operation,
        nodeId,
        known_operations.map(({ operation_id: id, ...known }) => ({ id, ...known })),
      )
      await wake(nodeId)
    },
    async message(nodeId, message) {
      try {
        if (await takeMessage({ ...services, missing, kinds }, nodeId, message)) await wake(nodeId)
      } catch (error) {
        const { kind, id } = workOf(kinds, message)
        missing.note(kind, id)
        throw error
      }
    },
  })

  async function expire(kind: WorkKind, now: number): Promise<void> {
    for (const nodeId of await kind.store(store).nodesWaitedFor()) {
      if (sessions.isConnected(nodeId)) continue
      for (const { id } of await kind.store(store).waitingSince(nodeId, now - patienceMs, 100)) {
        await changes.transaction(async (tx, announce) => {
          const record = await kind.store(tx).get(id)
          if (record !== null) await moveWork(kind, { tx, announce, now }, record, { type: 'expire' })
        })
      }
    }
  }

  return {
    wake,
    async request(jobId) {
      const asked = await store.jobs.get(jobId)
      // Who asks is told at once; a run of the schedule fails with the same words.
      if (asked?.archived_at === null) await recipientsFor(services, asked.spec)
      const requested = await changes.transaction(async (tx, announce) => {
        const job = await tx.jobs.get(jobId)
        if (job === null) throw new BastionError('not_found', `there is no job ${jobId}`)
        if (job.archived_at !== null) throw new BastionError('conflict', `the job ${job.spec.name} is archived`, { hint: 'Unarchive it first.' })
        const run = await requestRun({ tx, announce, now: clock.now() }, job, { type: 'asked' }, newId())
        return { run, nodeId: job.spec.node_id }
      })
      void wake(requested.nodeId)
      if (requested.run.result === 'known') throw new Error('a run without a fire time cannot be known')
      return requested.run
    },
    requestWithin: (work, job, cause) => requestRun(work, job, cause, newId()),
    async cancel(id, noun = 'run') {
      const kind: WorkKind = kinds[noun]
      const record = await changes.transaction(async (tx, announce) => {
        const current = await kind.store(tx).get(id)
        if (current === null) throw new BastionError('not_found', `there is no ${noun} ${id}`)
        const move = await moveWork(kind, { tx, announce, now: clock.now() }, current, { type: 'cancel' })
        if ('refused' in move) throw new BastionError('conflict', `the ${noun} has ended: it is ${current.state}`)
        return current
      })
      if (record.state !== 'queued') sessions.send(record.node_id, kind.messages.cancel(id))
    },
    async tick() {
      const now = clock.now()
      for (const kind of allKinds) await expire(kind, now)
      await missing.remind()
      const connected = sessions.connected()
      for (const nodeId of connected) await wake(nodeId)
      const starts = await Promise.all(connected.map((nodeId) => store.runs.nextStart(nodeId, now)))
      return starts.reduce<number | null>((first, start) => (start !== null && (first === null || start < first) ? start : first), null)
    },
    async [Symbol.asyncDispose]() {
      isClosed = true
      await Promise.all([...waking.values()].map(({ done }) => done))
    },
  }
}
