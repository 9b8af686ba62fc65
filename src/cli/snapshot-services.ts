import { delimiter, resolve } from 'node:path'
import { openSnapshotServices, type SnapshotServices } from '../engine/snapshots/snapshot-services.ts'
import type { SnapshotPolicy } from '../engine/snapshots/choose-unit.ts'
import type { CliContext } from './cli-context.ts'

/** What this machine has to freeze sources with, and may, by its options and environment. */
export function snapshotServices(context: CliContext, options: { dataDir: string; roots: readonly string[] }): SnapshotServices {
  return openSnapshotServices({ dataDir: options.dataDir, path: context.env['PATH'] ?? '', policy: snapshotPolicy(context, options.roots) })
}

/**
 * What this node allows. Beside the options count BASTION_SNAPSHOT_ROOTS (paths with ":" between them) and BASTION_SNAPSHOT_PROVIDERS (names with "," between them; all
 * when it is not set).
 */
export function snapshotPolicy(context: CliContext, options: readonly string[]): SnapshotPolicy {
  const { BASTION_SNAPSHOT_ROOTS: roots = '', BASTION_SNAPSHOT_PROVIDERS: enabled } = context.env
  return {
    roots: [...options, ...split(roots, delimiter)].map((root) => resolve(context.cwd, root)),
    ...(enabled === undefined ? {} : { enabled: split(enabled, ',') }),
  }
}

function split(text: string, separator: string): string[] {
  return text.split(separator).filter((part) => part !== '')
}
