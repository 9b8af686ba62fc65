import { delimiter, resolve } from 'node:path'
import { openLeases } from '../engine/snapshots/leases.ts'
import { reapLeases } from '../engine/snapshots/reaper.ts'
import { createSnapshotProviders } from '../engine/snapshots/registry.ts'
import { createSnapshotHost } from '../engine/snapshots/snapshot-host.ts'
import type { SnapshotServices } from '../engine/snapshots/snapshot-services.ts'
import type { CliContext } from './cli-context.ts'
import { printableText } from './entry-text.ts'

/** How long a start waits for a command that a killed run has left at work. */
export const orphanWaitMs = 10_000

/**
 * What this machine has to freeze sources with. Beside the options count BASTION_SNAPSHOT_ROOTS (paths with ":" between them) and BASTION_SNAPSHOT_PROVIDERS (names
 * with "," between them; all when it is not set).
 */
export function snapshotServices(context: CliContext, options: { dataDir: string; roots: readonly string[] }): SnapshotServices {
  const { PATH: path = '', BASTION_SNAPSHOT_ROOTS: roots = '', BASTION_SNAPSHOT_PROVIDERS: enabled } = context.env
  const host = createSnapshotHost(path)
  return {
    host,
    providers: createSnapshotProviders(host),
    policy: {
      roots: [...options.roots, ...split(roots, delimiter)].map((root) => resolve(context.cwd, root)),
      ...(enabled === undefined ? {} : { enabled: split(enabled, ',') }),
    },
    leases: openLeases(options.dataDir),
  }
}

/** Removes what earlier runs have left, and says what it could not: that is no reason not to make a backup. */
export async function reapBeforeRun({ leases, providers }: SnapshotServices, context: CliContext): Promise<void> {
  for (const { runId, kept, passedOver } of await reapLeases(leases, providers, { waitMs: orphanWaitMs })) {
    if (passedOver !== undefined) continue
    for (const { record, reason } of kept)
      context.note(`The snapshot ${printableText(record.path.text)} of run ${runId} is left: ${printableText(reason)}\n`)
  }
}

function split(text: string, separator: string): string[] {
  return text.split(separator).filter((part) => part !== '')
}
