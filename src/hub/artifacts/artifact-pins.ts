import type { Clock } from '../../core/clock.ts'
import { BastionError } from '../../core/errors.ts'
import type { AnnouncedChanges } from '../announced-changes.ts'

/** Artifacts that neither retention nor a person without force deletes. */
export interface ArtifactPins {
  /** Twice is once. @throws BastionError artifact_not_found · conflict when it is gone, or shall go */
  pin(runId: string): Promise<void>
  /** @throws BastionError artifact_not_found */
  unpin(runId: string): Promise<void>
}

export function createArtifactPins({ changes, clock }: { changes: AnnouncedChanges; clock: Clock }): ArtifactPins {
  async function set(runId: string, isPinned: boolean): Promise<void> {
    await changes.transaction(async (tx, announce) => {
      const artifact = await tx.artifacts.get(runId)
      if (artifact === null) throw new BastionError('artifact_not_found', `the run ${runId} has stored no artifact`)
      const { status, pinned_at } = artifact
      if ((pinned_at !== null) === isPinned) return
      // What deleting has begun with is no backup to rely on any more.
      const isWhole = status === 'present' || (status === 'error' && (await tx.deleteTasks.get(runId)) === null)
      if (isPinned && !isWhole) {
        throw new BastionError(
          'conflict',
          `the artifact cannot be kept any more: it is ${status === 'error' ? 'being deleted, and that failed' : status}`,
        )
      }
      await tx.artifacts.change(runId, status, { pinned_at: isPinned ? clock.now() : null })
      announce.artifact(runId)
    })
  }
  return { pin: (runId) => set(runId, true), unpin: (runId) => set(runId, false) }
}
