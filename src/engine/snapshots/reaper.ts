import type { SnapshotRecord } from '../../core/snapshot-lease.ts'
import type { SnapshotProviders } from './registry.ts'
import type { LeaseHold, LeaseStore } from './leases.ts'
import type { Refusal } from './snapshot-provider.ts'

/** How long a start waits for a command that a killed run has left at work. */
export const orphanWaitMs = 10_000

/** What became of the snapshots of one lease. */
export interface ReapedLease {
  runId: string
  removed: readonly SnapshotRecord[]
  /** still there, and still in the lease: the next look tries again */
  kept: readonly KeptSnapshot[]
  /** nothing was tried: its run is alive, or the lease cannot be understood */
  passedOver?: string
}

export interface KeptSnapshot {
  record: SnapshotRecord
  reason: string
}

/**
 * Removes what runs that are no more have left. Called before any job; what cannot be removed now is told, and tried again with every call.
 * @param options.waitMs how long to wait for a program that a killed run has started and that is still at work
 */
export async function reapLeases(leases: LeaseStore, providers: SnapshotProviders, options: { waitMs: number }): Promise<ReapedLease[]> {
  const reaped: ReapedLease[] = []
  for (const { runId, ...found } of leases.list()) {
    if (found.state === 'damaged') {
      reaped.push({ runId, removed: [], kept: [], passedOver: `its lease cannot be understood: ${found.message}` })
      continue
    }
    using claimed = disposable(await claim(leases, runId, isAlive(found.lease.pid) ? 0 : options.waitMs))
    if (claimed.hold === 'gone') continue
    if (claimed.hold === 'held') reaped.push({ runId, removed: [], kept: [], passedOver: 'its run is alive' })
    else reaped.push({ runId, ...(await removeSnapshots(claimed.hold, providers)) })
  }
  return reaped
}

/** Removes the snapshots of a lease, the last made first, and the lease with the last of them. */
export async function removeSnapshots(
  hold: LeaseHold,
  providers: SnapshotProviders,
): Promise<{ removed: readonly SnapshotRecord[]; kept: readonly KeptSnapshot[] }> {
  const removed: SnapshotRecord[] = []
  const kept: KeptSnapshot[] = []
  for (const record of hold.lease.snapshots.toReversed()) {
    const refusal = await tryRemove(record, hold, providers)
    if (refusal === null) removed.push(record)
    else kept.unshift({ record, reason: refusal.reason })
  }
  if (kept.length === 0) hold.finish()
  else hold.save({ ...hold.lease, snapshots: kept.map(({ record }) => record), attempts: hold.lease.attempts + 1, last_error: kept[0]!.reason })
  return { removed, kept }
}

async function tryRemove(record: SnapshotRecord, hold: LeaseHold, providers: SnapshotProviders): Promise<Refusal | null> {
  const provider = providers.byName(record.provider)
  if (provider === undefined) return { reason: `this version knows no snapshot provider ${record.provider}` }
  try {
    return await provider.remove(record, hold.lockFd)
  } catch (error) {
    return { reason: error instanceof Error ? error.message : String(error) }
  }
}

const lookAgainMs = 50

async function claim(leases: LeaseStore, runId: string, waitMs: number): Promise<LeaseHold | 'held' | 'gone'> {
  for (const endsAt = performance.now() + waitMs; ;) {
    const hold = leases.claim(runId)
    if (hold !== 'held' || performance.now() >= endsAt) return hold
    await new Promise((resolve) => setTimeout(resolve, lookAgainMs))
  }
}

function disposable(hold: LeaseHold | 'held' | 'gone'): { hold: LeaseHold | 'held' | 'gone' } & Disposable {
  return {
    hold,
    [Symbol.dispose]() {
      if (typeof hold !== 'string') hold[Symbol.dispose]()
    },
  }
}

/** As far as this process can see: the lock decides, this only says whether waiting for it makes sense. */
function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
}
