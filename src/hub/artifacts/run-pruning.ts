import type { Clock } from '../../core/clock.ts'
import type { AnnouncedChanges } from '../announced-changes.ts'
import type { Store } from '../store/store.ts'

/** Forgets what is old, or what a person wants to be forgotten, and never a run whose artifact may still be there. */
export interface RunPruning {
  /** Runs that ended more than so many days ago. @returns how many are gone */
  prune(): Promise<number>
  /** Jobs whose last artifact has gone since a person removed them. */
  removeJobs(): Promise<void>
}

const dayMs = 24 * 60 * 60_000
/** A transaction holds up every other one. */
const atOnce = 200

export function createRunPruning(services: { store: Store; changes: AnnouncedChanges; clock: Clock; historyDays(): number }): RunPruning {
  const { store, changes, clock, historyDays } = services
  return {
    async prune() {
      const endedBefore = clock.now() - historyDays() * dayMs
      let pruned = 0
      for (let from: string | undefined = ''; from !== undefined;) {
        // Looked for without holding anybody up; then once more, for an ignored delete may have been taken up again meanwhile.
        const [first] = await store.history.prunable(endedBefore, from, 1)
        if (first === undefined) break
        const after: string = from
        from = await changes.transaction(async (tx) => {
          const gone = await tx.history.prunable(endedBefore, after, atOnce)
          if (gone.length > 0) await tx.history.removeRuns(gone)
          pruned += gone.length
          return gone.at(-1)
        })
      }
      await changes.transaction((tx) => tx.incompleteRuns.forget(endedBefore))
      return pruned
    },
    async removeJobs() {
      if ((await store.history.removable()).length === 0) return
      await changes.transaction(async (tx, announce) => {
        for (const jobId of await tx.history.removable()) {
          // Its end would find nobody.
          if (await tx.operations.hasUnended(jobId)) continue
          await tx.history.removeJob(jobId)
          announce.job(jobId)
        }
      })
    },
  }
}
