import { z } from 'zod'
import type { Clock } from '../core/clock.ts'
import { uuidv7 } from '../core/ids.ts'
import { type RetentionPolicy, retentionPolicySchema } from '../core/retention.ts'
import type { HubEnd } from '../protocol/node-messages.ts'
import { createAnnouncedChanges } from './announced-changes.ts'
import { createRetention, type Retention } from './artifacts/retention.ts'
import { type ArtifactDeletion, createArtifactDeletion } from './artifacts/artifact-deletion.ts'
import { type ArtifactPins, createArtifactPins } from './artifacts/artifact-pins.ts'
import { cleanupRemoval } from './artifacts/cleanup-removal.ts'
import { createDeleteQueue } from './artifacts/delete-queue.ts'
import { createDeleteSteps, type DeleteSteps } from './artifacts/delete-steps.ts'
import { createIncompleteCleanup } from './artifacts/incomplete-cleanup.ts'
import { artifactRemoval } from './artifacts/removal-kind.ts'
import { createRunPruning } from './artifacts/run-pruning.ts'
import { createDispatch, type Dispatch } from './dispatch/dispatch.ts'
import type { PlanSecrets } from './dispatch/dispatch-services.ts'
import type { HubLog } from './hub-log.ts'
import { createJobService, type JobService } from './jobs/job-service.ts'
import { createLiveEvents, type LiveEvents } from './live-events.ts'
import { createDrillScheduler } from './operations/drill-scheduler.ts'
import { createOperations, type Operations } from './operations/operations.ts'
import { createNodeSessions, type NodeSessions } from './nodes/node-sessions.ts'
import { createScheduler } from './scheduler/scheduler.ts'
import type { Store } from './store/store.ts'
import { startTickLoop } from './tick-loop.ts'

/** The node that lives with the Hub. */
export const localNodeId = 'hub'

/** The services of one Hub, put together. Disposed: schedules stand still, what is under way is kept, nodes are left to themselves; runs go on. */
export interface Hub extends AsyncDisposable {
  /** of this database, for ever */
  readonly hubId: string
  readonly store: Store
  readonly live: LiveEvents
  readonly jobs: JobService
  readonly deletion: ArtifactDeletion
  readonly pins: ArtifactPins
  /** what people do to the removal of what runs have left */
  readonly cleanups: DeleteSteps
  readonly dispatch: Pick<Dispatch, 'request' | 'cancel'>
  readonly retention: Retention
  readonly operations: Pick<Operations, 'request' | 'cancel'>
  readonly nodes: Pick<NodeSessions, 'isConnected' | 'connected' | 'request'>
  /** A node has connected, and will say hello. */
  connect(nodeId: string, link: HubEnd): void
}

export interface HubOptions {
  /** stays the caller's to close, after the Hub */
  store: Store
  vault: PlanSecrets
  clock: Clock
  log: HubLog
  /** random bytes */
  random(length: number): Uint8Array
  /** the node that lives with the Hub; absent: the Hub has none yet, and {@link Hub.connect} brings it */
  link?: HubEnd
  /** how many runs a node carries out at a time, asked each time; 2 when absent */
  runsPerNode?: () => number
  /** what jobs inherit, asked each time; when absent nothing is deleted of a job that has no policy of its own */
  hubRetention?: () => RetentionPolicy
  /** how long runs are remembered whose artifact is gone, asked each time; 180 when absent */
  historyDays?: () => number
  /** how long nothing has happened in what a run has left before it is removed, asked each time; 7 when absent */
  incompleteAfterDays?: () => number
}

const longestTickMs = 30_000
const pruneEveryMs = 60 * 60_000
const dayMs = 24 * 60 * 60_000
const nothingDeleted = retentionPolicySchema.parse({})

/** Starts a Hub on its store: from here on schedules fire. */
export async function createHub({
  store,
  vault,
  clock,
  log,
  random,
  link,
  runsPerNode = () => 2,
  hubRetention = () => nothingDeleted,
  historyDays = () => 180,
  incompleteAfterDays = () => 7,
}: HubOptions): Promise<Hub> {
  const newId = () => uuidv7(clock.now(), random(10))
  const hubId = await store.settings.putIfAbsent('hub.id', z.string(), newId(), clock.now())
  const live = createLiveEvents()
  const changes = createAnnouncedChanges({ store, live })

  await using opened = new AsyncDisposableStack()
  const nodes = createNodeSessions({ live, log, newId })
  const dispatch = opened.use(createDispatch({ hubId, store, changes, live, sessions: nodes, vault, clock, log, newId, limitOf: runsPerNode }))
  const operations = createOperations({ changes, dispatch, clock, newId })
  const drills = createDrillScheduler({ store, changes, operations, dispatch, clock, log })
  const scheduler = createScheduler({ store, changes, dispatch, clock, log, nodeId: localNodeId })
  // Closed in the opposite order: first no more ticks, then no more messages, then what is under way.
  opened.use(nodes)
  const chance = () => random(1)[0]! / 256
  const olderThanAt = () => clock.now() - incompleteAfterDays() * dayMs
  const leftovers = cleanupRemoval({ hubId, olderThanAt })
  const removal = { hubId, store, changes, nodes, vault, clock, log, random: chance, workerId: newId(), onRoom: () => deleteLoop.wake() }
  const deletes = opened.use(createDeleteQueue(removal, artifactRemoval))
  const cleanups = opened.use(createDeleteQueue(removal, leftovers))
  const pruning = createRunPruning({ store, changes, clock, historyDays })
  const deleteLoop = opened.use(
    startTickLoop({
      async tick() {
        await pruning.removeJobs()
        return earliest(await deletes.tick(), await cleanups.tick())
      },
      longestMs: longestTickMs,
      clock,
      log,
    }),
  )
  opened.use(
    startTickLoop({
      async tick() {
        const runs = await pruning.prune()
        if (runs > 0) log.info({ runs }, 'old runs were forgotten')
        return null
      },
      longestMs: pruneEveryMs,
      clock,
      log,
    }),
  )
  const people = { changes, clock, random: chance, onTask: deleteLoop.wake }
  const deletion = createArtifactDeletion(people)
  const cleanup = createIncompleteCleanup({ hubId, store, nodes, vault, clock, log, olderThanAt, onTask: deleteLoop.wake })
  const cleanupLoop = opened.use(startTickLoop({ tick: cleanup.tick, longestMs: pruneEveryMs, clock, log }))
  // Before its loop, which waits for the look that is under way.
  opened.use(cleanup)
  opened.use(
    live.subscribe('nodes', (message) => {
      if (message.type !== 'node.changed' || !message.connected) return
      deleteLoop.wake()
      cleanupLoop.wake()
    }),
  )
  if (link !== undefined) nodes.connect(localNodeId, link)
  const loop = opened.use(
    startTickLoop({
      async tick() {
        return earliest(await drills.tick(), await scheduler.tick(), await dispatch.tick())
      },
      longestMs: longestTickMs,
      clock,
      log,
    }),
  )
  const retention = createRetention({ store, changes, deletion, hubPolicy: hubRetention, clock, log })
  // A loop of its own: schedules do not wait for a look at a million artifacts.
  opened.use(startTickLoop({ tick: () => retention.tick(), longestMs: longestTickMs, clock, log }))
  const jobs = createJobService({ store, changes, clock, newId, deletion, onSchedule: loop.wake, cancel: dispatch.cancel })
  const kept = opened.move()
  return {
    hubId,
    store,
    live,
    jobs,
    deletion,
    pins: createArtifactPins({ changes, clock }),
    cleanups: createDeleteSteps(people, leftovers),
    dispatch,
    retention,
    operations,
    nodes,
    connect: nodes.connect,
    [Symbol.asyncDispose]: () => kept.disposeAsync(),
  }
}

function earliest(...times: (number | null)[]): number | null {
  const known = times.filter((time) => time !== null)
  return known.length === 0 ? null : Math.min(...known)
}
