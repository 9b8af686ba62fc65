import type { Clock } from '../../core/clock.ts'
import { mostPatienceMs } from '../../core/delete-task.ts'
import { BastionError, type ErrorCode, hasCode } from '../../core/errors.ts'
import { type Failure, failureOf } from '../../core/run.ts'
import { codedFailure } from '../../core/work-state.ts'
import { mostDeletesAtOnce } from '../../protocol/node-requests.ts'
import type { AnnouncedChanges } from '../announced-changes.ts'
import type { PlanSecrets } from '../dispatch/dispatch-services.ts'
import type { HubLog } from '../hub-log.ts'
import { nodeForTarget } from '../nodes/node-for-target.ts'
import type { NodeSessions } from '../nodes/node-sessions.ts'
import type { DuePlace } from '../store/delete-task-store.ts'
import type { Store } from '../store/store.ts'
import { chooseBatch, type DeleteCandidate } from './delete-batch.ts'
import type { DeleteWork } from './move-delete-task.ts'
import type { FailedRemoval, RemovalKind } from './removal-kind.ts'

/** Works off what is to be removed: asks the node that can reach a target, many at a time, one batch a target. Disposed: what is under way is given back. */
export interface DeleteQueue extends AsyncDisposable {
  /** Starts what is due and can be done. @returns when something else will be due */
  tick(): Promise<number | null>
}

export interface DeleteQueueServices {
  hubId: string
  store: Store
  changes: AnnouncedChanges
  nodes: Pick<NodeSessions, 'isConnected' | 'connected' | 'request'>
  vault: Pick<PlanSecrets, 'credentialsFor'>
  clock: Clock
  log: HubLog
  /** 0 … 1 */
  random(): number
  /** of this process: what others hold is theirs no more, for a Hub is alone on its database */
  workerId: string
  /** there is room for more */
  onRoom(): void
}

const leaseMs = 60_000
const beatEveryMs = 20_000
/** A node answers few requests at once, and people ask it too. */
const batchesPerNode = 2
/** When one of these ends a whole request, the node may have begun. Others are said before anything is touched. */
const codesInTheMiddle: readonly ErrorCode[] = ['interrupted', 'node_offline', 'internal', 'protocol', 'canceled']

/** @param kind what it removes: a queue for each */
export function createDeleteQueue<Result extends { run_id: string }>(services: DeleteQueueServices, kind: RemovalKind<Result>): DeleteQueue {
  const { hubId, store, changes, nodes, vault, clock, log, random, workerId, onRoom } = services
  const { move } = kind
  const tasks = kind.tasksIn(store)
  const closing = new AbortController()
  /** by target */
  const working = new Map<string, { nodeId: string; done: Promise<void> }>()
  const inHand = new Set<string>()

  const within = <T>(work: (given: DeleteWork) => Promise<T>): Promise<T> =>
    changes.transaction((tx, announce) => work({ tx, announce, now: clock.now(), random: random() }))

  /** What a worker has left behind that is gone. */
  async function takeBack(now: number): Promise<void> {
    for (;;) {
      const lost = (await tasks.lost(workerId, now, mostDeletesAtOnce)).filter((runId) => !inHand.has(runId))
      if (lost.length === 0) return
      await within(async (work) => {
        for (const runId of lost) {
          const task = await kind.tasksIn(work.tx).get(runId)
          if (task?.status === 'running') await move(work, task, { type: 'lose' })
        }
      })
    }
  }

  async function tellWaiting(place: DuePlace): Promise<void> {
    const error = codedFailure('node_offline', `it waits for the node ${place.node_id}, which is not connected`)
    for (;;) {
      const now = clock.now()
      const untold = await tasks.untold(place, now, now - mostPatienceMs, mostDeletesAtOnce)
      if (untold.length === 0) return
      await within(async (work) => {
        for (const runId of untold) {
          const task = await kind.tasksIn(work.tx).get(runId)
          if (task !== null) await move(work, task, { type: 'wait', error })
        }
      })
    }
  }

  async function candidatesAt(place: DuePlace): Promise<DeleteCandidate[]> {
    const due = await tasks.due(place, clock.now(), mostDeletesAtOnce)
    return (await Promise.all(due.map((task) => kind.candidateOf(store, task)))).filter((candidate) => candidate !== null)
  }

  /** Those that are still there to be claimed. */
  function claim(batch: readonly DeleteCandidate[]): Promise<DeleteCandidate[]> {
    return within(async (work) => {
      const claimed: DeleteCandidate[] = []
      for (const candidate of batch) {
        const task = await kind.tasksIn(work.tx).get(candidate.task.run_id)
        if (task === null) continue
        const moved = await move(work, task, { type: 'claim', leaseUntil: work.now + leaseMs }, { claimedBy: workerId })
        if ('moves' in moved) claimed.push({ ...candidate, task })
      }
      return claimed
    })
  }

  async function ask(nodeId: string, batch: readonly DeleteCandidate[]): Promise<(Result | FailedRemoval)[]> {
    const [first] = batch as [DeleteCandidate]
    const { secret_name: _, ...target } = first.target
    const failed = (runIds: readonly string[], error: Failure, touched: boolean): FailedRemoval[] =>
      runIds.map((run_id) => ({ run_id, result: 'failed', error, touched }))
    const all = batch.map(({ task }) => task.run_id)
    let credentials: Record<string, string>
    try {
      credentials = await vault.credentialsFor(nodeId, first.target)
    } catch (error) {
      if (!(error instanceof BastionError)) log.error({ err: error }, 'credentials for a delete could not be read')
      return failed(all, failureOf(error), false)
    }
    try {
      const place = { target, credentials, expected_target_id: first.task.target_id, hub_id: hubId }
      const results = await kind.ask(
        nodes,
        nodeId,
        place,
        batch.map(({ task }) => task),
        closing.signal,
      )
      const told = new Set(results.map(({ run_id }) => run_id))
      const untold = all.filter((runId) => !told.has(runId))
      return [...results, ...failed(untold, codedFailure('protocol', 'the node has not said what became of it'), true)]
    } catch (error) {
      if (closing.signal.aborted) throw error
      if (!(error instanceof BastionError)) log.error({ err: error }, 'a node could not be asked to delete')
      return failed(all, failureOf(error), !(error instanceof BastionError) || hasCode(error, ...codesInTheMiddle))
    }
  }

  /** @returns whether something was done, so that there may be more */
  async function workAt(place: DuePlace): Promise<boolean> {
    const candidates = await candidatesAt(place)
    const [first] = candidates
    if (first === undefined) return false
    const nodeId = await nodeForTarget({ nodes, secrets: store.secrets }, { storedBy: place.node_id, target: first.target })
    if (nodeId === null) {
      await tellWaiting(place)
      return false
    }
    const batch = await claim(chooseBatch(candidates))
    if (batch.length === 0) return false
    const runIds = batch.map(({ task }) => task.run_id)
    for (const runId of runIds) inHand.add(runId)
    let beat = Promise.resolve()
    const extend = () => tasks.extendLeases(workerId, runIds, clock.now() + leaseMs)
    const beating = setInterval(() => {
      beat = beat.then(extend).catch((error: unknown) => log.error({ err: error }, 'a lease could not be extended'))
    }, beatEveryMs)
    try {
      const results = await ask(nodeId, batch)
      await within((work) => kind.settle(work, { claimedBy: workerId, targetId: place.target_id, results }))
      return true
    } finally {
      clearInterval(beating)
      await beat
      for (const runId of runIds) inHand.delete(runId)
      // Whoever stops in the middle gives back what is not settled.
      if (closing.signal.aborted) await giveBack(runIds)
    }
  }

  async function giveBack(runIds: readonly string[]): Promise<void> {
    await within(async (work) => {
      for (const runId of runIds) {
        const task = await kind.tasksIn(work.tx).get(runId)
        if (task?.status === 'running' && task.claimed_by === workerId) await move(work, task, { type: 'lose' })
      }
    })
  }

  function start(place: DuePlace): void {
    const done = workAt(place)
      .catch((error: unknown) => {
        if (!closing.signal.aborted) log.error({ err: error, target_id: place.target_id }, `${kind.what} could not be worked on`)
        return false
      })
      .then((isWorked) => {
        working.delete(place.target_id)
        if (isWorked && !closing.signal.aborted) onRoom()
      })
    working.set(place.target_id, { nodeId: place.node_id, done })
  }

  return {
    async tick() {
      const now = clock.now()
      await takeBack(now)
      let next: number | null = null
      for (const place of await tasks.places()) {
        if (place.next_attempt_at > now) next = next === null ? place.next_attempt_at : Math.min(next, place.next_attempt_at)
        else if (!working.has(place.target_id) && [...working.values()].filter(({ nodeId }) => nodeId === place.node_id).length < batchesPerNode)
          start(place)
      }
      return next
    },
    async [Symbol.asyncDispose]() {
      closing.abort()
      await Promise.all([...working.values()].map(({ done }) => done))
    },
  }
}
