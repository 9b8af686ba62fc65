import { BastionError } from '../../core/errors.ts'
import type { JobRecord } from '../store/job-store.ts'
import type { DispatchServices } from './dispatch-services.ts'
import { greetNode } from './greet-node.ts'
import { createMissingMessages } from './missing-messages.ts'
import { moveRun, type RunWork } from './move-run.ts'
import { type RequestedRun, requestRun, type RunCause } from './request-run.ts'
import { startRuns } from './start-runs.ts'
import { takeMessage } from './take-message.ts'

/** Which node gets a run, and what becomes of it. Everything is kept before it is said. */
export interface Dispatch extends AsyncDisposable {
  /** A run now, as somebody asks for it. @throws BastionError not_found · conflict when the job is archived */
  request(jobId: string): Promise<Exclude<RequestedRun, { result: 'known' }>>
  /** A run within a transaction of the caller, who calls {@link wake} when it is committed. */
  requestWithin(work: RunWork, job: JobRecord, cause: RunCause): Promise<RequestedRun>
  /** Kept first, then sent. Twice is once. @throws BastionError not_found · conflict when it has ended */
  cancel(runId: string): Promise<void>
  /** The node may have something to start; resolves when that is offered. */
  wake(nodeId: string): Promise<void>
  /** What time alone brings: retries that are due, runs whose node has not come for a day, what nodes still owe. @returns when to look again, at the latest */
  tick(): Promise<number | null>
}

const patienceMs = 24 * 60 * 60_000

export function createDispatch(services: DispatchServices): Dispatch {
  const { store, changes, sessions, clock, log, newId } = services
  const waking = new Map<string, { again: boolean; done: Promise<void> }>()
  const missing = createMissingMessages(services)
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
          await startRuns(services, nodeId)
        } while (entry.again && !isClosed)
      } catch (error) {
        log.error({ node_id: nodeId, err: error }, 'runs could not be started')
      } finally {
        waking.delete(nodeId)
      }
    })()
    return entry.done
  }

  sessions.listen({
    async hello(nodeId, { known_runs }) {
      await greetNode(services, nodeId, known_runs)
      await wake(nodeId)
    },
    async message(nodeId, message) {
      try {
        if (await takeMessage({ ...services, missing }, nodeId, message)) await wake(nodeId)
      } catch (error) {
        missing.note(message.run_id)
        throw error
      }
    },
  })

  async function expireRuns(now: number): Promise<void> {
    for (const nodeId of await store.runs.nodesWaitedFor()) {
      if (sessions.isConnected(nodeId)) continue
      for (const { id } of await store.runs.waitingSince(nodeId, now - patienceMs, 100)) {
        await changes.transaction(async (tx, announce) => {
          const run = await tx.runs.get(id)
          if (run !== null) await moveRun({ tx, announce, now }, run, { type: 'expire' })
        })
      }
    }
  }

  return {
    wake,
    async request(jobId) {
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
    async cancel(runId) {
      const run = await changes.transaction(async (tx, announce) => {
        const current = await tx.runs.get(runId)
        if (current === null) throw new BastionError('not_found', `there is no run ${runId}`)
        const move = await moveRun({ tx, announce, now: clock.now() }, current, { type: 'cancel' })
        if ('refused' in move) throw new BastionError('conflict', `the run has ended: it is ${current.state}`)
        return current
      })
      if (run.state !== 'queued') sessions.send(run.node_id, { type: 'run.cancel', run_id: runId })
    },
    async tick() {
      const now = clock.now()
      await expireRuns(now)
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
