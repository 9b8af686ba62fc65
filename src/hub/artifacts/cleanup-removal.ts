import type { DeleteTaskEvent } from '../../core/delete-task.ts'
import { isLeftOver, type KnownRun } from '../../core/incomplete-run.ts'
import type { JobTarget } from '../../protocol/job-spec.ts'
import type { NodeReply } from '../../protocol/node-replies.ts'
import type { Repositories } from '../store/store.ts'
import { moveCleanupTask } from './move-delete-task.ts'
import type { RemovalKind } from './removal-kind.ts'

type CleanedRun = NodeReply<'cleanup.run'>['results'][number]

/** What runs have left that never became artifacts. @param olderThanAt what has changed since then stays, asked each time */
export function cleanupRemoval({ hubId, olderThanAt }: { hubId: string; olderThanAt(): number }): RemovalKind<CleanedRun> {
  return {
    what: 'cleanups',
    tasksIn: ({ cleanupTasks }) => cleanupTasks,
    move: moveCleanupTask,
    async candidateOf(store, task) {
      const incomplete = await store.incompleteRuns.get(task.run_id)
      if (incomplete === null) return null
      const { job_id, run_id, last_sign_at, objects, bytes } = incomplete
      // Right before it is removed: an index that was rebuilt may know an artifact by now.
      const run = await knownRun(store, run_id)
      if (isLeftOver({ job_id, hub_id: hubId, last_sign_at }, run, { hubId, olderThanAt: olderThanAt() }))
        return { task, target: incomplete.target as JobTarget, objects, bytes }
      await store.incompleteRuns.remove(run_id)
      return null
    },
    async ask(nodes, nodeId, place, tasks, signal) {
      const runs = tasks.map(({ run_id, job_id }) => ({ run_id, job_id }))
      return (await nodes.request<'cleanup.run'>(nodeId, { kind: 'cleanup.run', ...place, older_than_at: olderThanAt(), runs }, { signal })).results
    },
    async settle(work, { claimedBy, results }) {
      for (const result of results) {
        const task = await work.tx.cleanupTasks.get(result.run_id)
        if (task?.status !== 'running' || task.claimed_by !== claimedBy) continue
        if (result.result === 'kept') {
          // It is not what it seemed; if it ever is, it is found again.
          await work.tx.incompleteRuns.remove(result.run_id)
          continue
        }
        const event: DeleteTaskEvent =
          result.result === 'failed' ? { type: 'fail', error: result.error, touched: result.touched } : { type: result.result }
        const fields = result.result === 'removed' ? { objects: result.objects, bytes: result.bytes } : {}
        const move = await moveCleanupTask(work, task, event, { fields })
        if ('refused' in move) throw new Error(move.refused)
      }
    },
  }
}

export async function knownRun({ runs, artifacts }: Pick<Repositories, 'runs' | 'artifacts'>, runId: string): Promise<KnownRun | null> {
  const run = await runs.get(runId)
  if (run === null) return null
  const artifact = await artifacts.get(runId)
  return { job_id: run.job_id, hasEnded: run.ended_at !== null, hasArtifact: artifact !== null && artifact.deleted_at === null }
}
