import type { Clock } from '../../core/clock.ts'
import { mostPatienceMs } from '../../core/delete-task.ts'
import { BastionError, type ErrorCode, hasCode } from '../../core/errors.ts'
import { type Failure, failureOf } from '../../core/run.ts'
import { codedFailure } from '../../core/work-state.ts'
import type { JobTarget } from '../../protocol/job-spec.ts'
import { mostDeletesAtOnce } from '../../protocol/node-requests.ts'
import type { NodeReply } from '../../protocol/node-replies.ts'
import type { AnnouncedChanges } from '../announced-changes.ts'
import type { PlanSecrets } from '../dispatch/dispatch-services.ts'
import type { HubLog } from '../hub-log.ts'
import type { NodeSessions } from '../nodes/node-sessions.ts'
import type { ArtifactRecord } from '../store/artifact-store.ts'
import type { DuePlace } from '../store/delete-task-store.ts'
import type { Store } from '../store/store.ts'
import { chooseBatch, type DeleteCandidate } from './delete-batch.ts'
import { moveDeleteTask } from './move-delete-task.ts'
import { settleDeletes } from './settle-deletes.ts'

/** Works off the deletes: asks the node that can reach a target, many at a time, one batch a target. Disposed: what is under way is given back. */
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

type DeleteResults = NodeReply<'artifact.delete'>['results']

export function createDeleteQueue(services: DeleteQueueServices): DeleteQueue {
  const { hubId, store, changes, nodes, vault, clock, log, random, workerId, onRoom } = services
  const closing = new AbortController()
  /** by target */
  const working = new Map<string, { nodeId: string; done: Promise<void> }>()
  const inHand = new Set<string>()

  const within = <T>(work: (given: Parameters<typeof moveDeleteTask>[0]) => Promise<T>): Promise<T> =>
    changes.transaction((tx, announce) => work({ tx, announce, now: clock.now(), random: random() }))

  /** What a worker has left behind that is gone. */
  async function takeBack(now: number): Promise<void> {
    for (;;) {
      const lost = (await store.deleteTasks.lost(workerId, now, mostDeletesAtOnce)).filter((runId) => !inHand.has(runId))
      if (lost.length === 0) return
      await within(async (work) => {
        for (const runId of lost) {
          const task = await work.tx.deleteTasks.get(runId)
          if (task?.status === 'running') await moveDeleteTask(work, task, { type: 'lose' })
        }
      })
    }
  }

  /** The node that deletes it: what is in a folder only its own one can reach, anything else whoever has the credentials. */
  async function nodeFor({ node_id, target_snapshot }: ArtifactRecord): Promise<string | null> {
    if (nodes.isConnected(node_id)) return node_id
    const { type, secret_name } = target_snapshot as JobTarget
    if (type === 'local_dir' || secret_name === undefined) return null
    for (const nodeId of nodes.connected()) if ((await store.secrets.get(nodeId, secret_name))?.kind === type) return nodeId
    return null
  }

  async function tellWaiting(place: DuePlace): Promise<void> {
    const error = codedFailure('node_offline', `it waits for the node ${place.node_id}, which is not connected`)
    for (;;) {
      const now = clock.now()
      const untold = await store.deleteTasks.untold(place, now, now - mostPatienceMs, mostDeletesAtOnce)
      if (untold.length === 0) return
      await within(async (work) => {
        for (const runId of untold) {
          const task = await work.tx.deleteTasks.get(runId)
          if (task !== null) await moveDeleteTask(work, task, { type: 'wait', error })
        }
      })
    }
  }

  async function candidatesAt(place: DuePlace): Promise<DeleteCandidate[]> {
    const tasks = await store.deleteTasks.due(place, clock.now(), mostDeletesAtOnce)
    const candidates = await Promise.all(tasks.map(async (task) => ({ task, artifact: await store.artifacts.get(task.run_id) })))
    return candidates.flatMap(({ task, artifact }) => (artifact === null ? [] : [{ task, artifact }]))
  }

  /** Those that are still there to be claimed. */
  function claim(batch: readonly DeleteCandidate[]): Promise<DeleteCandidate[]> {
    return within(async (work) => {
      const claimed: DeleteCandidate[] = []
      for (const { artifact } of batch) {
        const task = await work.tx.deleteTasks.get(artifact.run_id)
        if (task === null) continue
        const move = await moveDeleteTask(work, task, { type: 'claim', leaseUntil: work.now + leaseMs }, { claimedBy: workerId })
        if ('moves' in move) claimed.push({ task, artifact })
      }
      return claimed
    })
  }

  async function ask(nodeId: string, batch: readonly DeleteCandidate[]): Promise<DeleteResults> {
    const [{ artifact }] = batch as [DeleteCandidate]
    const { secret_name: _, ...target } = artifact.target_snapshot as JobTarget
    const failed = (runIds: readonly string[], error: Failure, touched: boolean): DeleteResults =>
      runIds.map((run_id) => ({ run_id, result: 'failed', error, touched }))
    const all = batch.map(({ task }) => task.run_id)
    let credentials: Record<string, string>
    try {
      credentials = await vault.credentialsFor(nodeId, artifact.target_snapshot)
    } catch (error) {
      if (!(error instanceof BastionError)) log.error({ err: error }, 'credentials for a delete could not be read')
      return failed(all, failureOf(error), false)
    }
    try {
      const { results } = await nodes.request<'artifact.delete'>(
        nodeId,
        {
          kind: 'artifact.delete',
          target,
          credentials,
          expected_target_id: artifact.target_id,
          hub_id: hubId,
          artifacts: batch.map(({ task: { run_id, job_id, force } }) => ({ run_id, job_id, force })),
        },
        { signal: closing.signal },
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
    const nodeId = await nodeFor(first.artifact)
    if (nodeId === null) {
      await tellWaiting(place)
      return false
    }
    const batch = await claim(chooseBatch(candidates))
    if (batch.length === 0) return false
    const runIds = batch.map(({ task }) => task.run_id)
    for (const runId of runIds) inHand.add(runId)
    const beat = () => store.deleteTasks.extendLeases(workerId, runIds, clock.now() + leaseMs)
    const beating = setInterval(() => void beat().catch((error: unknown) => log.error({ err: error }, 'a lease could not be extended')), beatEveryMs)
    try {
      const results = await ask(nodeId, batch)
      await within((work) => settleDeletes(work, { claimedBy: workerId, targetId: place.target_id, results }))
      return true
    } finally {
      clearInterval(beating)
      for (const runId of runIds) inHand.delete(runId)
      // Whoever stops in the middle gives back what is not settled.
      if (closing.signal.aborted) await giveBack(runIds)
    }
  }

  async function giveBack(runIds: readonly string[]): Promise<void> {
    await within(async (work) => {
      for (const runId of runIds) {
        const task = await work.tx.deleteTasks.get(runId)
        if (task?.status === 'running' && task.claimed_by === workerId) await moveDeleteTask(work, task, { type: 'lose' })
      }
    })
  }

  function start(place: DuePlace): void {
    const done = workAt(place)
      .catch((error: unknown) => {
        if (!closing.signal.aborted) log.error({ err: error, target_id: place.target_id }, 'deletes could not be worked on')
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
      for (const place of await store.deleteTasks.places()) {
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
