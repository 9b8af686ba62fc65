import type { SnapshotRecord } from '../../../core/snapshot-lease.ts'
import type { BtrfsIoctl } from '../../../lib/btrfs-ioctl.ts'
import { type BytePath, pathText } from '../../../lib/byte-path.ts'
import type { CommandResult, CommandRunner } from '../../../lib/run-command.ts'
import { holdDirectory } from '../holder-directory.ts'
import type { OpenSnapshot, Refusal } from '../snapshot-provider.ts'

/** What the steps on a snapshot work with. */
export interface BtrfsTools {
  program: string
  ioctl: BtrfsIoctl
  run: CommandRunner
  lockFd: number
}

/** A commit waits for what the disk was given before. */
export const commandTimeoutMs = 10 * 60_000

/** A nested subvolume shows in a snapshot as an empty directory with this inode number (BTRFS_EMPTY_SUBVOL_DIR_OBJECTID). */
const placeholderIno = 2

/** @throws Error when the directory is not the snapshot of the record: another one, or none of its unit */
export function identify(fd: number, { identity, facts }: SnapshotRecord, ioctl: BtrfsIoctl): { uuid: string; id: string; readOnly: boolean } {
  const found = ioctl.subvolume(fd)
  const ids = { uuid: found.uuid, id: String(found.id), readOnly: found.readOnly }
  if (ioctl.filesystemUuid(fd) !== facts['filesystem_uuid']) throw new Error('it is on another filesystem')
  if (identity !== null) {
    if (ids.uuid !== identity['uuid'] || ids.id !== identity['id']) throw new Error(`it is another subvolume, ${ids.uuid}`)
  } else if (
    found.parentUuid !== facts['subvolume_uuid'] ||
    ids.id === facts['subvolume_id'] ||
    found.madeInGeneration < BigInt(facts['generation'] ?? '0')
  ) {
    throw new Error(`it is no snapshot of the subvolume ${facts['subvolume_uuid'] ?? ''}`)
  }
  return ids
}

export function openBtrfsSnapshot(path: BytePath, record: SnapshotRecord, ioctl: BtrfsIoctl): OpenSnapshot | Refusal {
  const check = (): Refusal | null => {
    try {
      using held = holdDirectory(path)
      return identify(held.fd, record, ioctl).readOnly ? null : { reason: `the snapshot ${pathText(path).text} has been made writable` }
    } catch (error) {
      return { reason: `the snapshot ${pathText(path).text} is not there any more: ${(error as Error).message}` }
    }
  }
  return check() ?? { root: path, placeholderIno, check: async () => check(), close: async () => {} }
}

/** What the program said, as a sentence for people. */
export function commandFailure(doing: string, { code, timedOut, stderr }: CommandResult): string {
  if (timedOut) return `btrfs took too long to ${doing}`
  const lines = stderr.split('\n').filter((line) => line !== '')
  const errors = lines.filter((line) => line.startsWith('ERROR:'))
  // Of some failures it only warns.
  const said = (errors.length > 0 ? errors : lines).map((line) => line.replace(/^(?:ERROR|WARNING):\s*/, ''))
  return `btrfs could not ${doing}: ${said.slice(0, 3).join('; ') || `exit code ${code ?? 'none'}`}`
}
