import { findProgram } from '../../lib/find-program.ts'
import { readMountTable } from '../../lib/mount-table.ts'
import { canAdminister } from '../../lib/process-rights.ts'
import { runCommand } from '../../lib/run-command.ts'
import type { SnapshotHost } from './snapshot-provider.ts'

/** This machine, as this process sees it. @param path a PATH variable: where programs are looked for */
export function createSnapshotHost(path: string): SnapshotHost {
  return {
    platform: process.platform,
    run: runCommand,
    findProgram: (name) => findProgram(name, path),
    readMounts: () => readMountTable(),
    isAdministrator: canAdminister(),
  }
}
