import { resolve } from 'node:path'
import { openSnapshotServices, type SnapshotServices } from '../engine/snapshots/snapshot-services.ts'
import type { SnapshotPolicy } from '../engine/snapshots/choose-unit.ts'
import type { CliContext } from './cli-context.ts'
import { readConfigFile } from './config-file.ts'
import { readSetting } from './read-settings.ts'

/** What this machine has to freeze sources with, and may, by its options and environment. */
export function snapshotServices(context: CliContext, options: { dataDir: string; roots: readonly string[] }): SnapshotServices {
  return openSnapshotServices({ dataDir: options.dataDir, path: context.env['PATH'] ?? '', policy: snapshotPolicy(context, options.roots) })
}

/**
 * What this node allows: the options, else BASTION_SNAPSHOT_ROOTS (paths with ":" between them), else the configuration file; BASTION_SNAPSHOT_PROVIDERS (names with ","
 * between them), else the configuration file, else all.
 */
export function snapshotPolicy(context: CliContext, options: readonly string[]): SnapshotPolicy {
  const file = readConfigFile(context)
  const enabled = readSetting('snapshot_providers', context, { file }).value
  return {
    roots: options.length > 0 ? options.map((root) => resolve(context.cwd, root)) : readSetting('snapshot_roots', context, { file }).value,
    ...(enabled !== null && { enabled }),
  }
}
