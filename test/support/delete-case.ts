import { randomBytes } from 'node:crypto'
import path from 'node:path'
import type { ArtifactStatus } from '../../src/core/artifact-status.ts'
import { uuidv7 } from '../../src/core/ids.ts'
import { createAnnouncedChanges } from '../../src/hub/announced-changes.ts'
import { type ArtifactDeletion, createArtifactDeletion } from '../../src/hub/artifacts/artifact-deletion.ts'
import { createDeleteQueue, type DeleteQueue } from '../../src/hub/artifacts/delete-queue.ts'
import { artifactRemoval } from '../../src/hub/artifacts/removal-kind.ts'
import type { PlanSecrets } from '../../src/hub/dispatch/dispatch-services.ts'
import { createLiveEvents } from '../../src/hub/live-events.ts'
import { createNodeSessions } from '../../src/hub/nodes/node-sessions.ts'
import type { NewArtifact } from '../../src/hub/store/artifact-store.ts'
import type { DeleteTaskRecord } from '../../src/hub/store/delete-task-store.ts'
import { openStore, type Store } from '../../src/hub/store/store.ts'
import type { HubMessage } from '../../src/protocol/node-messages.ts'
import type { NodeReply } from '../../src/protocol/node-replies.ts'
import { createFakeClock, type FakeClock } from './fake-clock.ts'
import { createFakeNode, type FakeNode } from './fake-node.ts'
import { aJob, anArtifact, anId, aRun, someTime } from './hub-records.ts'
import { temporaryFolder } from './temporary-folder.ts'

type DeleteAsked = Extract<Extract<HubMessage, { type: 'request' }>['request'], { kind: 'artifact.delete' }>
export type DeleteResult = NodeReply<'artifact.delete'>['results'][number]

/** Deletes on a real store, with a node that a test plays; the queue looks when it is told to. */
export interface DeleteCase extends AsyncDisposable {
  readonly store: Store
  readonly clock: FakeClock
  readonly deletion: ArtifactDeletion
  readonly queue: DeleteQueue
  /** what was logged as an error; a case fails when something is left in it at its end */
  readonly errors: unknown[]
  /** so many artifacts of a new job, the oldest first. @returns their run ids */
  add(count: number, artifact?: Partial<NewArtifact>): Promise<string[]>
  connect(nodeId?: string): Promise<FakeNode>
  /** The next delete that the node is asked for. */
  asked(node: FakeNode): Promise<{
    request: DeleteAsked
    answer(of: (runId: string) => DeleteResult): void
    refuse(code: 'target_unreachable' | 'target_auth' | 'target_identity'): void
  }>
  /** The next time that the artifact is this. */
  reaches(runId: string, status: ArtifactStatus): Promise<DeleteTaskRecord>
  /** kinds of its log, in their order */
  log(runId: string): Promise<string[]>
  /** Another worker on the same store, as after a crash: the one before still lives, and may still answer. */
  crash(): void
}

export async function openDeleteCase({ vault }: { vault?: Partial<PlanSecrets> } = {}): Promise<DeleteCase> {
  await using opened = new AsyncDisposableStack()
  const folder = opened.use(await temporaryFolder())
  const clock = createFakeClock(someTime)
  const errors: unknown[] = []
  const log = { info() {}, warn() {}, error: (fields: Record<string, unknown>) => errors.push(fields['err']) }
  const store = opened.use(await openStore({ file: path.join(folder.path, 'bastion.db'), clock }))
  const live = createLiveEvents()
  const changes = createAnnouncedChanges({ store, live })
  const newId = () => uuidv7(clock.now(), randomBytes(10))
  const sessions = opened.use(createNodeSessions({ live, log, newId }))
  const secrets: PlanSecrets = { credentialsFor: async () => ({}), recipientFor: async () => '', identitiesFor: async () => [], ...vault }
  const openQueue = () =>
    createDeleteQueue(
      {
        hubId: 'hub-1',
        store,
        changes,
        nodes: sessions,
        vault: secrets,
        clock,
        log,
        random: () => 0.5,
        workerId: newId(),
        onRoom() {},
      },
      artifactRemoval,
    )
  const queues = opened.use(new AsyncDisposableStack())
  let queue = queues.use(openQueue())
  const deletion = createArtifactDeletion({ changes, clock, random: () => 0.5, onTask() {} })
  let jobs = 0
  const kept = opened.move()
  return {
    store,
    clock,
    errors,
    deletion,
    get queue() {
      return queue
    },
    async add(count, artifact = {}) {
      const job = aJob({ id: `job-${jobs++}` })
      await store.jobs.insert(job)
      const ids: string[] = []
      for (let at = 0; at < count; at++) {
        const run = aRun(job, {
          id: anId(someTime + at, `${job.id} ${at}`),
          state: 'finished',
          ended_at: someTime,
          ...(artifact.node_id !== undefined && { node_id: artifact.node_id }),
        })
        await store.runs.insert(run)
        await store.artifacts.insert(anArtifact(run, { ended_at: someTime + at, ...artifact }))
        ids.push(run.id)
      }
      return ids
    },
    async connect(nodeId = 'hub') {
      const { hub, node } = createFakeNode()
      sessions.connect(nodeId, hub)
      node.hello()
      await node.next('hub.welcome')
      return node
    },
    async asked(node) {
      const { request_id, request } = await node.next('request')
      if (request.kind !== 'artifact.delete') throw new Error(`asked for ${request.kind}`)
      const reply = (
        answer: { ok: unknown } | { error: { code: 'target_unreachable' | 'target_auth' | 'target_identity'; message: string; hint: string } },
      ) => node.send({ type: 'reply', request_id, ...answer })
      return {
        request,
        answer: (of) => reply({ ok: { results: request.artifacts.map(({ run_id }) => of(run_id)) } }),
        refuse: (code) => reply({ error: { code, message: `it says ${code}`, hint: 'look' } }),
      }
    },
    async reaches(runId, status) {
      const { promise, resolve } = Promise.withResolvers<void>()
      using _subscription = live.subscribe('artifacts', (message) => {
        if (message.type === 'artifact.changed' && message.artifact.run_id === runId && message.artifact.status === status) resolve()
      })
      if ((await store.artifacts.get(runId))?.status !== status) await promise
      return (await store.deleteTasks.get(runId))!
    },
    async log(runId) {
      const events = await store.deleteTasks.events(runId, 0, 100)
      if (events.some(({ seq }, at) => seq !== at + 1)) throw new Error('the log has a gap')
      return events.map(({ kind }) => kind)
    },
    crash() {
      queue = queues.use(openQueue())
    },
    async [Symbol.asyncDispose]() {
      await kept.disposeAsync()
      if (errors.length > 0) throw new AggregateError(errors, 'errors were logged')
    },
  }
}
