import type { Clock } from '../../core/clock.ts'
import type { DeleteTaskEvent } from '../../core/delete-task.ts'
import { BastionError } from '../../core/errors.ts'
import type { AnnouncedChanges } from '../announced-changes.ts'
import type { RemovalKind } from './removal-kind.ts'

/** What a person does to a removal that was asked for. @throws BastionError not_found · conflict where it does not happen */
export interface DeleteSteps {
  /** @param fields what stands in its log */
  retryNow(runId: string, fields: Record<string, unknown>): Promise<void>
  ignore(runId: string, fields: Record<string, unknown>): Promise<void>
  unignore(runId: string, fields: Record<string, unknown>): Promise<void>
}

export interface DeleteStepServices {
  changes: AnnouncedChanges
  clock: Clock
  /** 0 … 1 */
  random(): number
  /** there may be something to delete now */
  onTask(): void
}

export function createDeleteSteps(
  { changes, clock, random, onTask }: DeleteStepServices,
  { tasksIn, move }: Pick<RemovalKind<never>, 'tasksIn' | 'move'>,
): DeleteSteps {
  async function step(runId: string, event: DeleteTaskEvent, fields: Record<string, unknown>): Promise<void> {
    await changes.transaction(async (tx, announce) => {
      const task = await tasksIn(tx).get(runId)
      if (task === null) throw new BastionError('not_found', `nobody has asked for what the run ${runId} has stored to be removed`)
      const moved = await move({ tx, announce, now: clock.now(), random: random() }, task, event, { fields })
      if ('refused' in moved) throw new BastionError('conflict', moved.refused)
    })
    onTask()
  }

  return {
    retryNow: (runId, fields) => step(runId, { type: 'retry_now' }, fields),
    ignore: (runId, fields) => step(runId, { type: 'ignore' }, fields),
    unignore: (runId, fields) => step(runId, { type: 'unignore' }, fields),
  }
}
