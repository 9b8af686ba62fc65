import type { DeleteTaskEvent } from '../../core/delete-task.ts'
import { codedFailure } from '../../core/work-state.ts'
import type { NodeReply } from '../../protocol/node-replies.ts'
import type { DeleteTaskRecord } from '../store/delete-task-store.ts'
import { type DeleteWork, moveDeleteTask } from './move-delete-task.ts'

type DeleteResult = NodeReply<'artifact.delete'>['results'][number]

/** So many may be gone by themselves on one target in a day. When more are, something else is wrong there, and a person is asked. */
const mostMissing = 10
const missingWindowMs = 24 * 60 * 60_000

/**
 * Keeps what a node has answered of deletes on one target. A task that somebody else holds by now is left to them.
 * @param claimedBy who asked
 */
export async function settleDeletes(
  work: DeleteWork,
  options: { claimedBy: string; targetId: string; results: readonly DeleteResult[] },
): Promise<void> {
  const { claimedBy, targetId, results } = options
  const { tx, now } = work
  const mine: { task: DeleteTaskRecord; result: DeleteResult }[] = []
  for (const result of results) {
    const task = await tx.deleteTasks.get(result.run_id)
    if (task?.status === 'running' && task.claimed_by === claimedBy) mine.push({ task, result })
  }
  const unexplained = mine.filter(({ task, result }) => result.result === 'not_there' && !task.touched && !task.missing_confirmed).length
  const missing = unexplained === 0 ? 0 : unexplained + (await tx.artifacts.missingSince(targetId, now - missingWindowMs))
  const isHeld = missing > mostMissing || (unexplained > 0 && (await tx.deleteTasks.held(targetId, 1)).length > 0)

  for (const { task, result } of mine) {
    const isUnexplained = result.result === 'not_there' && !task.touched && !task.missing_confirmed
    const event: DeleteTaskEvent = isHeld && isUnexplained ? { type: 'hold', error: heldFailure(targetId, missing) } : eventOf(result)
    const fields = result.result === 'removed' ? { objects: result.objects, bytes: result.bytes } : {}
    const move = await moveDeleteTask(work, task, event, { fields })
    if ('refused' in move) throw new Error(move.refused)
  }
}

function eventOf(result: DeleteResult): DeleteTaskEvent {
  return result.result === 'failed' ? { type: 'fail', error: result.error, touched: result.touched } : { type: result.result }
}

function heldFailure(targetId: string, missing: number) {
  const failure = codedFailure(
    'conflict',
    `${missing} artifacts are not there any more on the target ${targetId}: this is not believed until a person says so`,
  )
  return {
    ...failure,
    hint: 'Look at the target. If they were deleted by hand, confirm it; if another folder is mounted there, mount the right one and retry.',
  }
}
