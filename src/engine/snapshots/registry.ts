import { type SnapshotProviderKind, snapshotProviderKinds } from '../../protocol/snapshot-descriptions.ts'
import { createBtrfsProvider } from './btrfs/btrfs-provider.ts'
import { createApfsProvider } from './apfs/apfs-provider.ts'
import { createLvmProvider } from './lvm/lvm-provider.ts'
import { createReflinkProvider } from './reflink/reflink-provider.ts'
import { createVssProvider } from './vss/vss-provider.ts'
import { createZfsProvider } from './zfs/zfs-provider.ts'
import type { SnapshotHost, SnapshotProvider } from './snapshot-provider.ts'

/** One line a driver. A described kind that is missing here does not compile. */
const drivers: { readonly [Kind in SnapshotProviderKind]: (host: SnapshotHost) => SnapshotProvider } = {
  btrfs: createBtrfsProvider,
  zfs: createZfsProvider,
  lvm: createLvmProvider,
  vss: createVssProvider,
  apfs: createApfsProvider,
  reflink: createReflinkProvider,
}

export interface SnapshotProviders {
  readonly all: readonly SnapshotProvider[]
  /** `undefined` for a name this version does not know */
  byName(name: string): SnapshotProvider | undefined
}

export function createSnapshotProviders(host: SnapshotHost): SnapshotProviders {
  const all = snapshotProviderKinds.map((kind) => drivers[kind](host))
  return { all, byName: (name) => all.find((provider) => provider.kind === name) }
}
