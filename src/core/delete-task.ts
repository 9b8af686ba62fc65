import { z } from 'zod'
import type { ArtifactStatus } from './artifact-status.ts'
import { deleteDelayMs, deleteFailureKind, deleteFailureKindSchema, firstDelayMs, lookAgainMs } from './delete-failure.ts'
import { deleteTaskStatuses, type DeleteTaskStatus } from './delete-task-status.ts'
import { jobIdSchema, runIdSchema } from './ids.ts'
import { type Failure, failureSchema } from './run.ts'
import { timestampSchema } from './timestamp.ts'

export const deleteTaskStatusSchema = z.enum(deleteTaskStatuses)

/** Who wants it gone. `archive`: whoever put its job aside, or removes it. `cleanup`: it never became an artifact, a run has left it. */
export const deleteRequesterSchema = z.enum(['person', 'retention', 'archive', 'cleanup'])
export type DeleteRequester = z.infer<typeof deleteRequesterSchema>

/** The delete of one artifact, patient until it is done. */
export const deleteTaskSchema = z.object({
  run_id: runIdSchema,
  job_id: jobIdSchema,
  /** the node that stored the artifact */
  node_id: z.string(),
  target_id: z.string(),
  status: deleteTaskStatusSchema,
  /** what another Hub has stored is removed too */
  force: z.boolean(),
  requested_by: deleteRequesterSchema,
  requested_at: timestampSchema,
  /** when it was requested, or asked for again: from here on its patience counts */
  since: timestampSchema,
  /** since then; only those that failed for a reason that may pass by itself */
  attempts: z.int().nonnegative(),
  /** something of the artifact may be gone: when nothing is there it was this task that removed it */
  touched: z.boolean(),
  /** a person has said that it may be believed when nothing is there */
  missing_confirmed: z.boolean(),
  /** not before; null where it is not tried by itself */
  next_attempt_at: timestampSchema.nullable(),
  last_attempt_at: timestampSchema.nullable(),
  last_error_kind: deleteFailureKindSchema.nullable(),
  last_error: failureSchema.nullable(),
  /** of a running one: whoever works on it has died when this has passed */
  lease_until: timestampSchema.nullable(),
  ended_at: timestampSchema.nullable(),
})
export type DeleteTask = z.infer<typeof deleteTaskSchema>

/** As it is asked for. */
export function newDeleteTask(
  what: Pick<DeleteTask, 'run_id' | 'job_id' | 'node_id' | 'target_id'>,
  { force, by, now }: { force: boolean; by: DeleteRequester; now: number },
): DeleteTask {
  const { run_id, job_id, node_id, target_id } = what
  return {
    run_id,
    job_id,
    node_id,
    target_id,
    status: 'queued',
    force,
    requested_by: by,
    requested_at: now,
    since: now,
    attempts: 0,
    touched: false,
    missing_confirmed: false,
    next_attempt_at: now,
    last_attempt_at: null,
    last_error_kind: null,
    last_error: null,
    lease_until: null,
    ended_at: null,
  }
}

/** What happens to a delete task. */
export type DeleteTaskEvent =
  /** a worker takes it up */
  | { type: 'claim'; leaseUntil: number }
  /** the worker has died, or stops in the middle of it: nobody knows how far it came */
  | { type: 'lose' }
  /** its node is not there, and was not asked */
  | { type: 'wait'; error: Failure }
  /** the artifact was there and is gone */
  | { type: 'removed' }
  /** nothing was there, on the right target */
  | { type: 'not_there' }
  /** nothing was there, nor of too many others: it is not believed */
  | { type: 'hold'; error: Failure }
  /** `touched`: something may be gone by now */
  | { type: 'fail'; error: Failure; touched: boolean }
  /** somebody wants it gone, once more */
  | { type: 'request'; force: boolean }
  | { type: 'retry_now' }
  /** a person says of one that is held that it may be gone indeed */
  | { type: 'believe' }
  | { type: 'ignore' }
  | { type: 'unignore' }

/** What changes with a step. Times that are not true in the new status are null; what is absent stays. */
export type DeleteTaskChange = Pick<DeleteTask, 'status' | 'next_attempt_at' | 'lease_until' | 'ended_at'> &
  Partial<Pick<DeleteTask, 'force' | 'since' | 'attempts' | 'touched' | 'missing_confirmed' | 'last_attempt_at' | 'last_error_kind' | 'last_error'>>

/** `artifact`: what its artifact is then. `stays`: nothing new, as when something is said twice. `refused`: this does not happen to a task that stands there. */
export type DeleteTaskMove = { moves: DeleteTaskChange; artifact: ArtifactStatus } | { stays: true } | { refused: string }

/** Then nobody believes any more that it will succeed by itself. */
const mostAttempts = 20
export const mostPatienceMs = 30 * 24 * 60 * 60_000

const stays = { stays: true } as const

/**
 * The whole life of a delete task. Pure: reads nothing, changes nothing.
 * @param random 0 … 1, for the delay until the next attempt
 */
export function nextDeleteTask(task: DeleteTask, event: DeleteTaskEvent, { now, random }: { now: number; random: number }): DeleteTaskMove {
  const refused = { refused: `a delete that is ${task.status} cannot ${event.type.replace('_', ' ')}` }

  switch (task.status) {
    case 'queued':
    case 'retrying':
      if (event.type === 'claim') return isDue(task, now) ? claimed(event.leaseUntil, now) : refused
      if (event.type === 'wait') return waits(task, event.error, now)
      if (event.type === 'request') return requestedAgain(task, event.force)
      // One that was asked for by a clock that was ahead would wait until that time.
      if (event.type === 'retry_now') return task.status === 'queued' && (task.next_attempt_at ?? now) <= now ? stays : again(now)
      return event.type === 'ignore' ? ignored(now) : refused

    case 'running':
      if (event.type === 'removed') return done('deleted', now)
      if (event.type === 'not_there') return done(task.touched ? 'deleted' : 'missing', now)
      if (event.type === 'hold') return moves('blocked', { last_error_kind: 'missing_held', last_error: event.error })
      if (event.type === 'fail') return fails(task, event, now, random)
      if (event.type === 'lose') return moves('retrying', { next_attempt_at: now, touched: true })
      if (event.type === 'request') return requestedAgain(task, event.force)
      return event.type === 'retry_now' ? stays : refused

    case 'blocked':
      if (event.type === 'claim') return isDue(task, now) ? claimed(event.leaseUntil, now) : refused
      if (event.type === 'wait') return isExpired(task, now) ? abandoned(task, now) : stays
      if (event.type === 'believe' && task.last_error_kind === 'missing_held') return again(now, { missing_confirmed: true })
      if (event.type === 'retry_now') return again(now)
      if (event.type === 'request') return again(now, event.force ? { force: true } : {})
      return event.type === 'ignore' ? ignored(now) : refused

    case 'abandoned':
      if (event.type === 'retry_now') return again(now)
      if (event.type === 'request') return again(now, event.force ? { force: true } : {})
      return event.type === 'ignore' ? ignored(now) : refused

    case 'ignored':
      if (event.type === 'retry_now' || event.type === 'unignore') return again(now)
      if (event.type === 'request') return again(now, event.force ? { force: true } : {})
      return event.type === 'ignore' ? stays : refused

    case 'done':
      return event.type === 'request' ? stays : refused
  }
}

/** What the artifact is while its delete stands there. */
export const artifactOf = {
  queued: 'deleting',
  running: 'deleting',
  retrying: 'deleting',
  blocked: 'error',
  abandoned: 'error',
  ignored: 'error',
} as const satisfies Record<Exclude<DeleteTaskStatus, 'done'>, ArtifactStatus>

function moves(status: keyof typeof artifactOf, change: Partial<DeleteTaskChange>): DeleteTaskMove {
  return { moves: { next_attempt_at: null, lease_until: null, ended_at: null, ...change, status }, artifact: artifactOf[status] }
}

function done(artifact: 'deleted' | 'missing', now: number): DeleteTaskMove {
  return { moves: { status: 'done', next_attempt_at: null, lease_until: null, ended_at: now, last_error_kind: null, last_error: null }, artifact }
}

/** From the beginning, as often and as long as at first. That something is gone already stays true. */
function again(now: number, also: Partial<DeleteTaskChange> = {}): DeleteTaskMove {
  const fresh = { since: now, attempts: 0, next_attempt_at: now, missing_confirmed: false, last_error_kind: null, last_error: null }
  return moves('queued', { ...fresh, ...also })
}

function claimed(leaseUntil: number, now: number): DeleteTaskMove {
  return moves('running', { lease_until: leaseUntil, last_attempt_at: now })
}

function ignored(now: number): DeleteTaskMove {
  return moves('ignored', { ended_at: now })
}

function abandoned(task: DeleteTask, now: number, also: Partial<DeleteTaskChange> = {}): DeleteTaskMove {
  return moves('abandoned', { ended_at: now, last_error_kind: task.last_error_kind, last_error: task.last_error, ...also })
}

function requestedAgain(task: DeleteTask, force: boolean): DeleteTaskMove {
  if (task.force || !force) return stays
  const { status, next_attempt_at, lease_until } = task
  return moves(status as 'queued' | 'running' | 'retrying', { next_attempt_at, lease_until, force: true })
}

function waits(task: DeleteTask, error: Failure, now: number): DeleteTaskMove {
  const waiting = { last_error_kind: 'node_offline', last_error: error } as const
  if (isExpired(task, now)) return abandoned(task, now, waiting)
  if (task.last_error_kind === 'node_offline') return stays
  return moves(task.status as 'queued' | 'retrying', { next_attempt_at: task.next_attempt_at, ...waiting })
}

function fails(task: DeleteTask, { error, touched }: Extract<DeleteTaskEvent, { type: 'fail' }>, now: number, random: number): DeleteTaskMove {
  const kind = deleteFailureKind(error.code)
  const firstMs = kind === 'node_offline' ? null : firstDelayMs[kind]
  // A node that has gone is no fault of the target's, and one that waits for somebody is not tried any more often.
  const attempts = task.attempts + (firstMs === null ? 0 : 1)
  const failed = { attempts, touched: task.touched || touched, last_error_kind: kind, last_error: error }
  if (attempts >= mostAttempts || isExpired(task, now)) return abandoned(task, now, failed)
  if (kind === 'node_offline') return moves('retrying', { ...failed, next_attempt_at: now })
  if (firstMs === null) return moves('blocked', { ...failed, next_attempt_at: now + lookAgainMs })
  return moves('retrying', { ...failed, next_attempt_at: now + deleteDelayMs(firstMs, attempts, random) })
}

function isDue({ next_attempt_at }: DeleteTask, now: number): boolean {
  return next_attempt_at !== null && next_attempt_at <= now
}

function isExpired({ since }: DeleteTask, now: number): boolean {
  return now - since >= mostPatienceMs
}
