import { randomBytes } from 'node:crypto'
import type { CoverageItem } from '../../src/core/coverage.ts'
import type { Grade } from '../../src/core/grade.ts'
import { uuidv7 } from '../../src/core/ids.ts'
import { type RetentionPolicy, retentionPolicySchema } from '../../src/core/retention.ts'
import type { Source } from '../../src/core/source.ts'
import { codedFailure } from '../../src/core/work-state.ts'
import type { RunOutcome } from '../../src/core/run.ts'
import { type ArtifactDeletion, createArtifactDeletion } from '../../src/hub/artifacts/artifact-deletion.ts'
import { createDeleteQueue, type DeleteQueue } from '../../src/hub/artifacts/delete-queue.ts'
import { artifactRemoval } from '../../src/hub/artifacts/removal-kind.ts'
import { createRetention, type Retention } from '../../src/hub/artifacts/retention.ts'
import type { JobRecord } from '../../src/hub/store/job-store.ts'
import { type DispatchCase, openDispatchCase } from './dispatch-case.ts'
import type { FakeNode } from './fake-node.ts'
import { storedOutcome } from './fake-node.ts'

export const minute = 60_000
export const hour = 60 * minute
export const day = 24 * hour

export interface BackedUp {
  files?: number
  source_bytes?: number
  coverage?: CoverageItem[]
  grade?: Grade
  target_id?: string
  unreadable?: number
  /** what kind of source the summary tells of */
  source?: Source['type']
  /** as the node's clock says; now when absent */
  completed_at?: number
  /** instead of an artifact */
  fails?: boolean
}

/** Retention on a real store, with runs that a test's node carries out at once; it looks when it is told to. */
export interface RetentionCase extends AsyncDisposable {
  readonly hub: DispatchCase
  readonly retention: Retention
  readonly deletion: ArtifactDeletion
  readonly queue: DeleteQueue
  readonly node: FakeNode
  /** what the log was warned of */
  readonly warnings: string[]
  /** what jobs inherit */
  hubPolicy: RetentionPolicy
  backUp(job: JobRecord, facts?: BackedUp): Promise<string>
  /** Nightly: so many runs, a day apart. @returns run ids, the oldest first */
  nights(job: JobRecord, count: number, facts?: BackedUp): Promise<string[]>
  /** A look at all jobs, which retention takes every quarter of an hour. */
  look(): Promise<void>
  /** Names of those that shall be deleted, or are. */
  leaving(runIds: readonly string[]): Promise<string[]>
}

export async function openRetentionCase(): Promise<RetentionCase> {
  await using opened = new AsyncDisposableStack()
  const hub = opened.use(await openDispatchCase())
  const { store, changes, clock, sessions } = hub
  const warnings: string[] = []
  const log = {
    info() {},
    warn: (_: unknown, message: string) => warnings.push(message),
    error: (fields: Record<string, unknown>) => hub.errors.push(fields['err']),
  }
  const random = () => 0.5
  const deletion = createArtifactDeletion({ changes, clock, random, onTask() {} })
  const newId = () => uuidv7(clock.now(), randomBytes(10))
  const vault = { credentialsFor: async () => ({}) }
  const queue = opened.use(
    createDeleteQueue(
      { hubId: 'hub-1', store, changes, nodes: sessions, vault, clock, log, random, workerId: newId(), onRoom() {} },
      artifactRemoval,
    ),
  )
  const node = hub.connect()
  node.hello()
  await node.next('hub.welcome')
  const kept = opened.move()
  const it: RetentionCase = {
    hub,
    deletion,
    queue,
    node,
    warnings,
    hubPolicy: retentionPolicySchema.parse({}),
    retention: createRetention({ store, changes, deletion, hubPolicy: () => it.hubPolicy, clock, log }),
    async backUp(job, facts = {}) {
      const { run_id } = await hub.dispatch.request(job.id)
      const { plan } = await node.next('run.offer')
      if (plan.run_id !== run_id) throw new Error('another run was offered')
      clock.advance(minute)
      node.send({ type: 'run.finished', run_id, last_seq: 0, outcome: outcomeOf(facts, clock.now()) })
      await hub.reaches(run_id, 'finished', 'failed')
      return run_id
    },
    async nights(job, count, facts) {
      const ids: string[] = []
      for (let night = 0; night < count; night++) {
        // The Hub looks at its clock all the time.
        clock.advance(day - minute)
        await it.retention.tick()
        ids.push(await it.backUp(job, facts))
      }
      return ids
    },
    async look() {
      clock.advance(15 * minute)
      await it.retention.tick()
    },
    async leaving(runIds) {
      const found = await Promise.all(runIds.map(async (runId) => ((await store.artifacts.get(runId))?.status === 'present' ? [] : [runId])))
      return found.flat()
    },
    [Symbol.asyncDispose]: () => kept.disposeAsync(),
  }
  return it
}

function outcomeOf({ files = 100, source_bytes = files * 1000, coverage = [], grade = 'stable', ...facts }: BackedUp, now: number): RunOutcome {
  if (facts.fails === true) return { status: 'failed', error: codedFailure('source_not_found', 'there is no /srv') }
  const holes = coverage.filter(({ read }) => read === 'hole').length
  const { artifact } = storedOutcome
  return {
    ...storedOutcome,
    artifact: {
      ...artifact,
      target_id: facts.target_id ?? artifact.target_id,
      grade,
      completed_at: facts.completed_at ?? now,
      totals: { files, source_bytes, stored_bytes: source_bytes },
      holes,
    },
    issues: { total: facts.unreadable ?? 0, sample: [] },
    summary: { [facts.source ?? 'filesystem']: { coverage } },
  }
}
