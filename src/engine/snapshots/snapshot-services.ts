import type { SnapshotPolicy } from './choose-unit.ts'
import { type LeaseStore, openLeases } from './leases.ts'
import { createSnapshotProviders, type SnapshotProviders } from './registry.ts'
import { createSnapshotHost } from './snapshot-host.ts'
import type { SnapshotHost } from './snapshot-provider.ts'

/** What a node lends to its runs to freeze sources with. */
export interface SnapshotServices {
  host: SnapshotHost
  providers: SnapshotProviders
  policy: SnapshotPolicy
  leases: LeaseStore
}

/** What this machine has. @param options.path a PATH variable: where programs are looked for */
export function openSnapshotServices(options: { dataDir: string; path: string; policy: SnapshotPolicy }): SnapshotServices {
  const host = createSnapshotHost(options.path)
  return { host, providers: createSnapshotProviders(host), policy: options.policy, leases: openLeases(options.dataDir) }
}
