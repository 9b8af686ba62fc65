import type { Failure } from '../../core/run.ts'
import type { JobTarget } from '../../protocol/job-spec.ts'
import type { NodeReply } from '../../protocol/node-replies.ts'
import type { NodeSessions } from '../nodes/node-sessions.ts'
import type { DeleteTaskRecord, DeleteTaskStore } from '../store/delete-task-store.ts'
import type { Repositories, Store } from '../store/store.ts'
import type { DeleteCandidate } from './delete-batch.ts'
import { type DeleteWork, moveDeleteTask, type MoveDeleteTask } from './move-delete-task.ts'
import { settleDeletes } from './settle-deletes.ts'

/** What became of one, as a node says it or as it is known without one. */
export type FailedRemoval = { run_id: string; result: 'failed'; error: Failure; touched: boolean }

/** Where and as whom a node removes. */
export interface RemovalPlace {
  target: { type: string }
  credentials: Record<string, string>
  expected_target_id: string
  hub_id: string
}

/** What a queue removes, one kind a queue. */
export interface RemovalKind<Result extends { run_id: string }> {
  /** in messages: what could not be removed */
  readonly what: string
  tasksIn(repositories: Repositories): DeleteTaskStore
  readonly move: MoveDeleteTask
  /** What the task is about; null when there is nothing to be done about it any more. */
  candidateOf(store: Store, task: DeleteTaskRecord): Promise<DeleteCandidate | null>
  ask(
    nodes: Pick<NodeSessions, 'request'>,
    nodeId: string,
    place: RemovalPlace,
    tasks: readonly DeleteTaskRecord[],
    signal: AbortSignal,
  ): Promise<Result[]>
  /** Keeps what came of it. A task that somebody else holds by now is left to them. @param claimedBy who asked */
  settle(work: DeleteWork, answer: { claimedBy: string; targetId: string; results: readonly (Result | FailedRemoval)[] }): Promise<void>
}

/** Artifacts that somebody wants gone. */
export const artifactRemoval: RemovalKind<NodeReply<'artifact.delete'>['results'][number]> = {
  what: 'deletes',
  tasksIn: ({ deleteTasks }) => deleteTasks,
  move: moveDeleteTask,
  async candidateOf(store, task) {
    const artifact = await store.artifacts.get(task.run_id)
    if (artifact === null) return null
    const { target_snapshot, stored_bytes, artifact_format, files } = artifact
    return { task, target: target_snapshot as JobTarget, bytes: stored_bytes, objects: artifact_format === 'raw_tree_v1' ? files : 0 }
  },
  async ask(nodes, nodeId, place, tasks, signal) {
    const artifacts = tasks.map(({ run_id, job_id, force }) => ({ run_id, job_id, force }))
    return (await nodes.request<'artifact.delete'>(nodeId, { kind: 'artifact.delete', ...place, artifacts }, { signal })).results
  },
  settle: settleDeletes,
}
