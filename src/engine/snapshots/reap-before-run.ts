import { orphanWaitMs, reapLeases } from './reaper.ts'
import type { SnapshotServices } from './snapshot-services.ts'

/** Removes what earlier runs have left, and says what it could not: that is no reason not to make a backup. @param note takes names as they are */
export async function reapBeforeRun({ leases, providers }: SnapshotServices, note: (text: string) => void): Promise<void> {
  for (const { runId, kept, passedOver } of await reapLeases(leases, providers, { waitMs: orphanWaitMs })) {
    if (passedOver !== undefined) continue
    for (const { record, reason } of kept) note(`The snapshot ${record.path.text} of run ${runId} is left: ${reason}`)
  }
}
