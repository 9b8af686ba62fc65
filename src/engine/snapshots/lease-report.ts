import type { SnapshotLease } from '../../core/snapshot-lease.ts'
import type { FoundLease } from './leases.ts'
import type { ReapedLease } from './reaper.ts'

type ReportedLease = { run_id: string } & ({ state: 'held' | 'left'; lease: SnapshotLease } | { state: 'damaged'; message: string })

/** A lease as it crosses to who asked: `bastion leases --json`, the reply to `lease.list`. */
export function leaseReport({ runId, ...found }: FoundLease): ReportedLease {
  return {
    run_id: runId,
    ...(found.state === 'damaged' ? { state: found.state, message: found.message } : { state: found.state, lease: found.lease }),
  }
}

/** What became of a lease: `bastion leases reap --json`, the reply to `lease.reap`. */
export function reapedReport({ runId, removed, kept, passedOver }: ReapedLease) {
  return {
    run_id: runId,
    removed: removed.map(({ path }) => path),
    left: kept.map(({ record, reason }) => ({ path: record.path, reason })),
    ...(passedOver === undefined ? {} : { passed_over: passedOver }),
  }
}
