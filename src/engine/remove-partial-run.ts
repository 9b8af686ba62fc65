import type { RunEvent } from '../core/run-event.ts'
import { removeRunDirectory } from './remove-run-directory.ts'
import type { Target } from './targets/target.ts'

/**
 * Removes what a run that failed has stored, so that for as long as anything stands incomplete cleanup knows whose the directory is.
 * Best effort and never throws: the run's own error is the one to tell.
 */
export async function removePartialRun(
  target: Target,
  prefix: string,
  emit: (kind: 'cleanup', message: string, fields: Record<string, unknown>, level: RunEvent['level']) => void,
): Promise<void> {
  try {
    emit('cleanup', 'the partial run was removed', { objects: await removeRunDirectory(target, prefix) }, 'info')
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error)
    emit('cleanup', 'the partial run could not be removed; incomplete cleanup will come back to it', { reason }, 'warn')
  }
}
