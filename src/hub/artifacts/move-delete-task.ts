import type { DeleteEvent } from '../../core/delete-event.ts'
import { artifactOf, type DeleteTaskChange, type DeleteTaskEvent, type DeleteTaskMove, nextDeleteTask } from '../../core/delete-task.ts'
import type { Announcements } from '../announced-changes.ts'
import type { DeleteTaskRecord, DeleteTaskStore } from '../store/delete-task-store.ts'
import type { Repositories } from '../store/store.ts'

/** Under way in one transaction. */
export interface DeleteWork {
  tx: Repositories
  announce: Announcements
  now: number
  /** 0 … 1 */
  random: number
}

/** @param also who holds it from now on; what else stands in the log */
export type MoveDeleteTask = (
  work: DeleteWork,
  task: DeleteTaskRecord,
  event: DeleteTaskEvent,
  also?: { claimedBy?: string; fields?: Record<string, unknown> },
) => Promise<DeleteTaskMove>

/** Takes the delete of an artifact one step further, as core/delete-task.ts says: the task, its artifact and a line of its log, together. */
export const moveDeleteTask = moverOf(
  ({ deleteTasks }) => deleteTasks,
  async ({ tx, announce, now }, { run_id, status }, { moves, artifact }) => {
    if (status === 'done') throw new Error(`the delete of ${run_id} was done`)
    const isMoved = await tx.artifacts.change(run_id, artifactOf[status], {
      status: artifact,
      deleted_at: moves.status === 'done' ? now : null,
      ignored_at: moves.status === 'ignored' ? now : null,
      ...(moves.last_attempt_at !== undefined && { last_attempt_at: moves.last_attempt_at }),
      ...(moves.last_error_kind !== undefined && { last_error_kind: moves.last_error_kind }),
      ...(moves.last_error !== undefined && { last_error: moves.last_error }),
    })
    if (!isMoved) throw new Error(`the artifact of ${run_id} is not ${artifactOf[status]}`)
    announce.artifact(run_id)
  },
)

/** The same for what a run has left that never became an artifact. */
export const moveCleanupTask = moverOf(
  ({ cleanupTasks }) => cleanupTasks,
  async () => {},
)

function moverOf(
  tasksIn: (tx: Repositories) => DeleteTaskStore,
  alsoMove: (work: DeleteWork, task: DeleteTaskRecord, move: Extract<DeleteTaskMove, { moves: unknown }>) => Promise<void>,
): MoveDeleteTask {
  return async (work, task, event, also = {}) => {
    const move = nextDeleteTask(task, event, work)
    if (!('moves' in move)) return move
    const { moves } = move
    const tasks = tasksIn(work.tx)
    const holder = also.claimedBy ?? (moves.status === 'running' ? task.claimed_by : null)
    // Within the one transaction there is; that it stood elsewhere meanwhile is a bug.
    if (!(await tasks.change(task.run_id, task.status, moves, holder ?? undefined)))
      throw new Error(`the delete of ${task.run_id} is no longer ${task.status}`)
    await alsoMove(work, task, move)
    const told = toldOf(task, event, moves)
    await tasks.log(task.run_id, { ...told, ts: work.now, fields: { ...told.fields, ...also.fields } })
    return move
  }
}

type Told = Omit<DeleteEvent, 'ts'>

function toldOf(task: DeleteTaskRecord, event: DeleteTaskEvent, moves: DeleteTaskChange): Told {
  const info = (kind: Told['kind'], message: string, fields: Told['fields'] = {}): Told => ({ kind, level: 'info', message, fields })
  switch (event.type) {
    case 'claim':
      return info('started', 'it is being deleted', { attempt: task.attempts + 1 })
    case 'lose':
      return { kind: 'interrupted', level: 'warn', message: 'who deleted it has gone; it is taken up again', fields: {} }
    case 'removed':
      return info('deleted', 'it is deleted')
    case 'not_there':
      return task.touched
        ? info('deleted', 'an earlier attempt has deleted it')
        : { kind: 'missing', level: 'warn', message: 'nothing was there: somebody else has deleted it', fields: {} }
    case 'wait':
    case 'hold':
    case 'fail':
      return toldOfFailure(event, moves)
    case 'request':
      return info('requested', event.force ? 'it shall be deleted, whatever speaks against it' : 'it shall be deleted', { force: event.force })
    case 'retry_now':
      return info('retry_now', 'it is tried again now, because a person wants it')
    case 'believe':
      return info('confirmed', 'a person says that it may be gone')
    case 'ignore':
      return info('ignored', 'a person wants to hear no more of it')
    case 'unignore':
      return info('unignored', 'a person wants to hear of it again')
  }
}

function toldOfFailure({ type, error }: Extract<DeleteTaskEvent, { error: unknown }>, moves: DeleteTaskChange): Told {
  const { code, message, hint } = error
  const fields = {
    code,
    hint,
    error_kind: moves.last_error_kind,
    ...(moves.attempts !== undefined && { attempts: moves.attempts }),
    ...(moves.next_attempt_at !== null && { next_attempt_at: moves.next_attempt_at }),
  }
  if (moves.status === 'abandoned') return { kind: 'abandoned', level: 'error', message: `given up: ${message}`, fields }
  if (type === 'hold') return { kind: 'held', level: 'error', message, fields }
  if (moves.status === 'blocked') return { kind: 'blocked', level: 'error', message, fields }
  if (moves.last_error_kind === 'node_offline') return { kind: 'waiting', level: 'info', message, fields }
  return { kind: 'retry_scheduled', level: 'warn', message, fields }
}
