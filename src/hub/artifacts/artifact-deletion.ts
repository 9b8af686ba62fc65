import { type DeleteRequester, newDeleteTask } from '../../core/delete-task.ts'
import { createDeleteSteps, type DeleteSteps, type DeleteStepServices } from './delete-steps.ts'
import { type DeleteWork, moveDeleteTask } from './move-delete-task.ts'
import { artifactRemoval } from './removal-kind.ts'

export interface DeleteRequest {
  runIds: readonly string[]
  /** a person's: what is pinned goes too, the newest good one, and what another Hub has stored */
  force: boolean
  by: Exclude<DeleteRequester, 'cleanup'>
  /** what stands in the log of the delete, such as who asked or why */
  fieldsOf?: (runId: string) => Record<string, unknown>
}

/**
 * `queued` it will be deleted · `already` that was asked for before, or it is gone · `pinned`, `newest_good` it stays, without force · `unwanted` it stays: retention asks for what is present
 * and for nothing else · `not_found` there is no such artifact
 */
export type RequestedDelete = { run_id: string; result: 'queued' | 'already' | 'pinned' | 'newest_good' | 'unwanted' | 'not_found' }

/** Who wants artifacts gone says so here; the queue does it. Everything is kept before it is told. */
export interface ArtifactDeletion extends DeleteSteps {
  /** One answer for each run, in their order. What is asked for twice happens once. */
  requestDelete(request: DeleteRequest): Promise<RequestedDelete[]>
  /** The same within a transaction of the caller, who calls {@link wake} when it is committed. */
  requestWithin(work: Omit<DeleteWork, 'random'>, request: DeleteRequest): Promise<RequestedDelete[]>
  /** There may be something to delete. */
  wake(): void
  /** Those of a target that are held because too many were not there at once: they may be gone indeed. @returns how many */
  believeMissing(targetId: string, fields: Record<string, unknown>): Promise<number>
}

const atOnce = 100

export function createArtifactDeletion(services: DeleteStepServices): ArtifactDeletion {
  const { changes, clock, random, onTask } = services

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
    ...createDeleteSteps(services, artifactRemoval),
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
  by: DeleteRequest['by']
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
  await tx.deleteTasks.insert(newDeleteTask(artifact, { force: overrides, by, now }))
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
