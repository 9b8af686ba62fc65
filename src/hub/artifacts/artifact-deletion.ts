import type { Clock } from '../../core/clock.ts'
import type { DeleteRequester, DeleteTask, DeleteTaskEvent } from '../../core/delete-task.ts'
import { BastionError } from '../../core/errors.ts'
import type { AnnouncedChanges } from '../announced-changes.ts'
import type { ArtifactRecord } from '../store/artifact-store.ts'
import { type DeleteWork, moveDeleteTask } from './move-delete-task.ts'

export interface DeleteRequest {
  runIds: readonly string[]
  /** a person's: what is pinned goes too, the newest good one, and what another Hub has stored */
  force: boolean
  by: DeleteRequester
  /** what stands in the log of the delete, such as who asked or why */
  fieldsOf?: (runId: string) => Record<string, unknown>
}

/**
 * `queued` it will be deleted · `already` that was asked for before, or it is gone · `pinned`, `newest_good` it stays, without force · `unwanted` it stays: retention asks for what is present
 * and for nothing else · `not_found` there is no such artifact
 */
export type RequestedDelete = { run_id: string; result: 'queued' | 'already' | 'pinned' | 'newest_good' | 'unwanted' | 'not_found' }

/** Who wants artifacts gone says so here; the queue does it. Everything is kept before it is told. */
export interface ArtifactDeletion {
  /** One answer for each run, in their order. What is asked for twice happens once. */
  requestDelete(request: DeleteRequest): Promise<RequestedDelete[]>
  /** The same within a transaction of the caller, who calls {@link wake} when it is committed. */
  requestWithin(work: Omit<DeleteWork, 'random'>, request: DeleteRequest): Promise<RequestedDelete[]>
  /** There may be something to delete. */
  wake(): void
  /** @throws BastionError not_found · conflict where it does not happen */
  retryNow(runId: string, fields: Record<string, unknown>): Promise<void>
  ignore(runId: string, fields: Record<string, unknown>): Promise<void>
  unignore(runId: string, fields: Record<string, unknown>): Promise<void>
  /** Those of a target that are held because too many were not there at once: they may be gone indeed. @returns how many */
  believeMissing(targetId: string, fields: Record<string, unknown>): Promise<number>
}

export interface DeletionServices {
  changes: AnnouncedChanges
  clock: Clock
  /** 0 … 1 */
  random(): number
  /** there may be something to delete now */
  onTask(): void
}

const atOnce = 100

export function createArtifactDeletion({ changes, clock, random, onTask }: DeletionServices): ArtifactDeletion {
  async function step(runId: string, event: DeleteTaskEvent, fields: Record<string, unknown>): Promise<void> {
    await changes.transaction(async (tx, announce) => {
      const task = await tx.deleteTasks.get(runId)
      if (task === null) throw new BastionError('not_found', `nobody has asked for the artifact of ${runId} to be deleted`)
      const move = await moveDeleteTask({ tx, announce, now: clock.now(), random: random() }, task, event, { fields })
      if ('refused' in move) throw new BastionError('conflict', move.refused)
    })
    onTask()
  }

  async function requestWithin(work: Omit<DeleteWork, 'random'>, { runIds, force, by, fieldsOf }: DeleteRequest): Promise<RequestedDelete[]> {
    const results: RequestedDelete[] = []
    for (const run_id of runIds) {
      const fields = { by, ...fieldsOf?.(run_id) }
      results.push({ run_id, result: await requestOne({ ...work, random: random() }, run_id, { force, by, fields }) })
    }
    return results
  }

  return {
    requestWithin,
    wake: onTask,
    async requestDelete({ runIds, ...request }) {
      const results: RequestedDelete[] = []
      for (let at = 0; at < runIds.length; at += atOnce) {
        const some = runIds.slice(at, at + atOnce)
        results.push(
          ...(await changes.transaction((tx, announce) => requestWithin({ tx, announce, now: clock.now() }, { ...request, runIds: some }))),
        )
      }
      onTask()
      return results
    },
    retryNow: (runId, fields) => step(runId, { type: 'retry_now' }, fields),
    ignore: (runId, fields) => step(runId, { type: 'ignore' }, fields),
    unignore: (runId, fields) => step(runId, { type: 'unignore' }, fields),
    async believeMissing(targetId, fields) {
      let believed = 0
      for (let more = true; more;) {
        const count = await changes.transaction(async (tx, announce) => {
          const held = await tx.deleteTasks.held(targetId, atOnce)
          for (const runId of held) {
            const task = (await tx.deleteTasks.get(runId))!
            await moveDeleteTask({ tx, announce, now: clock.now(), random: random() }, task, { type: 'believe' }, { fields })
          }
          return held.length
        })
        believed += count
        more = count === atOnce
      }
      onTask()
      return believed
    },
  }
}

interface OneRequest {
  force: boolean
  by: DeleteRequester
  fields: Record<string, unknown>
}

async function requestOne(work: DeleteWork, runId: string, { force, by, fields }: OneRequest): Promise<RequestedDelete['result']> {
  const { tx, announce, now } = work
  const artifact = await tx.artifacts.get(runId)
  if (artifact === null) return 'not_found'
  const { status, pinned_at } = artifact
  if (status === 'deleted' || status === 'missing') return 'already'
  if (by === 'retention' && status !== 'present') return 'unwanted'
  // Whoever asks: retention and archiving have no force.
  const overrides = force && by === 'person'
  if (pinned_at !== null && !overrides) return 'pinned'
  if (by !== 'archive' && !overrides && (await tx.artifacts.newestGood(artifact.job_id)) === runId) return 'newest_good'

  const task = await tx.deleteTasks.get(runId)
  if (task !== null) {
    const move = await moveDeleteTask(work, task, { type: 'request', force: overrides }, { fields })
    return 'moves' in move ? 'queued' : 'already'
  }
  await tx.deleteTasks.insert(newTask(artifact, { force: overrides, by, now }))
  if (!(await tx.artifacts.change(runId, status, { status: 'deleting', last_error_kind: null, last_error: null }))) {
    throw new Error(`the artifact ${runId} is no longer ${status}`)
  }
  await tx.deleteTasks.log(runId, {
    ts: now,
    level: 'info',
    kind: 'requested',
    message: 'it shall be deleted',
    fields: { force: overrides, ...fields },
  })
  announce.artifact(runId)
  return 'queued'
}

function newTask({ run_id, job_id, node_id, target_id }: ArtifactRecord, asked: { force: boolean; by: DeleteRequester; now: number }): DeleteTask {
  const { force, by, now } = asked
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
