import { openSnapshotServices, type SnapshotServices } from '../engine/snapshots/snapshot-services.ts'
import type { NodeMeans } from '../protocol/runner-messages.ts'

/** What a node's configuration lets its runs freeze sources with. @param path a PATH variable */
export function nodeSnapshots(means: NodeMeans, path: string): SnapshotServices {
  return openSnapshotServices({
    dataDir: means.data_dir,
    path,
    policy: { roots: means.snapshot_roots, ...(means.snapshot_providers === undefined ? {} : { enabled: means.snapshot_providers }) },
  })
}
