import { randomBytes } from 'node:crypto'
import path from 'node:path'
import { uuidv7 } from '../../src/core/ids.ts'
import type { Run } from '../../src/core/run.ts'
import { createAnnouncedChanges, type AnnouncedChanges } from '../../src/hub/announced-changes.ts'
import { createDispatch, type Dispatch } from '../../src/hub/dispatch/dispatch.ts'
import type { PlanSecrets } from '../../src/hub/dispatch/dispatch-services.ts'
import { createLiveEvents, type LiveEvents } from '../../src/hub/live-events.ts'
import { createNodeSessions, type NodeSessions } from '../../src/hub/nodes/node-sessions.ts'
import type { JobRecord } from '../../src/hub/store/job-store.ts'
import { openStore, type Store } from '../../src/hub/store/store.ts'
import type { JobSpecInput } from '../../src/protocol/job-spec.ts'
import { createFakeClock, type FakeClock } from './fake-clock.ts'
import { createFakeNode, type FakeNode } from './fake-node.ts'
import { aJob, someTime } from './hub-records.ts'
import { temporaryFolder } from './temporary-folder.ts'

/** Dispatch on a real store, with nodes that a test plays. */
export interface DispatchCase extends AsyncDisposable {
  /** the database */
  readonly file: string
  readonly store: Store
  readonly live: LiveEvents
  readonly clock: FakeClock
  readonly changes: AnnouncedChanges
  readonly sessions: NodeSessions
  readonly dispatch: Dispatch
  /** what was logged as an error; a case fails when something is left in it at its end */
  readonly errors: unknown[]
  addJob(spec?: Partial<JobSpecInput>): Promise<JobRecord>
  /** a node that has not said hello yet */
  connect(nodeId?: string): FakeNode
  /** the next time that a run stands there */
  reaches(runId: string, ...states: Run['state'][]): Promise<Run>
  kinds(runId: string): Promise<string[]>
  /** Ends this Hub and starts another on the same database. */
  restart(): Promise<void>
}

interface CaseOptions {
  limit?: number
  vault?: Partial<PlanSecrets>
}

export async function openDispatchCase({ limit = 2, vault }: CaseOptions = {}): Promise<DispatchCase> {
  const folder = await temporaryFolder()
  const file = path.join(folder.path, 'bastion.db')
  const clock = createFakeClock(someTime)
  const errors: unknown[] = []
  const open = async () => {
    const store = await openStore({ file, clock })
    const live = createLiveEvents()
    const log = { info() {}, warn() {}, error: (fields: Record<string, unknown>) => errors.push(fields['err']) }
    const newId = () => uuidv7(clock.now(), randomBytes(10))
    const changes = createAnnouncedChanges({ store, live })
    const sessions = createNodeSessions({ live, log, newId })
    const secrets: PlanSecrets = {
      credentialsFor: async () => ({}),
      recipientFor: async () => `age1${'q'.repeat(58)}`,
      identitiesFor: async () => [],
      ...vault,
    }
    const dispatch = createDispatch({ hubId: 'hub-1', store, changes, live, sessions, vault: secrets, clock, log, newId, limitOf: () => limit })
    return { store, live, changes, sessions, dispatch }
  }
  let hub = await open()
  const end = async () => {
    await hub.sessions[Symbol.asyncDispose]()
    await hub.dispatch[Symbol.asyncDispose]()
    await hub.store[Symbol.asyncDispose]()
  }
  let jobs = 0
  return {
    file,
    get store() {
      return hub.store
    },
    get live() {
      return hub.live
    },
    get changes() {
      return hub.changes
    },
    get sessions() {
      return hub.sessions
    },
    get dispatch() {
      return hub.dispatch
    },
    clock,
    errors,
    async addJob(spec = {}) {
      const job = aJob({ spec: { name: `job-${jobs++}`, ...spec } })
      await hub.store.jobs.insert(job)
      return job
    },
    connect(nodeId = 'hub') {
      const link = createFakeNode()
      hub.sessions.connect(nodeId, link.hub)
      return link.node
    },
    async reaches(runId, ...states) {
      const { promise, resolve } = Promise.withResolvers<Run>()
      using _subscription = hub.live.subscribe(`run:${runId}`, (message) => {
        if (message.type === 'run.changed' && states.includes(message.run.state)) resolve(message.run)
      })
      const now = await hub.store.runs.get(runId)
      if (now !== null && states.includes(now.state)) return now
      return await promise
    },
    async kinds(runId) {
      const { items } = await hub.store.runEvents.list(runId, 0, 500)
      if (items.some(({ seq }, at) => seq !== at + 1)) throw new Error('the events have a gap')
      return items.map(({ kind }) => kind)
    },
    async restart() {
      await end()
      hub = await open()
    },
    async [Symbol.asyncDispose]() {
      await end()
      await folder[Symbol.asyncDispose]()
      if (errors.length > 0) throw new AggregateError(errors, 'errors were logged')
    },
  }
}
