import type { SnapshotPolicy } from './choose-unit.ts'
import type { LeaseStore } from './leases.ts'
import type { SnapshotProviders } from './registry.ts'
import type { SnapshotHost } from './snapshot-provider.ts'

/** What a node lends to its runs to freeze sources with. */
export interface SnapshotServices {
  host: SnapshotHost
  providers: SnapshotProviders
  policy: SnapshotPolicy
  leases: LeaseStore
}
