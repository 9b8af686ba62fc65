import { createBtrfsIoctl } from '../../../lib/btrfs-ioctl.ts'
import { fromPathText, parentPath, pathText } from '../../../lib/byte-path.ts'
import type { Refusal, SnapshotHost, SnapshotProvider } from '../snapshot-provider.ts'
import { createBtrfsSnapshots } from './btrfs-create.ts'
import { removeBtrfsSnapshot } from './btrfs-remove.ts'
import { openBtrfsSnapshot } from './btrfs-snapshot.ts'
import { locateSubvolume, nestedSubvolumes, subvolumeAt } from './btrfs-unit.ts'

/**
 * Read-only snapshots of Btrfs subvolumes. What a subvolume is, the kernel is asked (by ioctl, without rights); what changes anything is the `btrfs` program, given open
 * directories instead of names. A snapshot is known by its UUID, and before that is recorded by its name, its parent's UUID and the transaction it was made in.
 */
export function createBtrfsProvider(host: SnapshotHost): SnapshotProvider {
  const ioctl = createBtrfsIoctl()
  const noIoctl: Refusal = { reason: 'Btrfs cannot be asked about its subvolumes: the C library of this machine cannot be called' }
  const noProgram: Refusal = { reason: 'the program btrfs is not installed', hint: 'Install btrfs-progs.' }

  return {
    kind: 'btrfs',
    async locate(path, workDirectory) {
      if (ioctl === null) return noIoctl
      if (host.findProgram('btrfs') === null) return noProgram
      try {
        return locateSubvolume(path, workDirectory, host, ioctl)
      } catch (error) {
        const { code, syscall, message } = error as NodeJS.ErrnoException
        if (code === undefined) throw error
        if (code === 'ENOTTY' && syscall === 'ioctl') return { reason: 'this kernel does not tell about subvolumes; it needs to be 4.18 or later' }
        return { reason: `${pathText(path).text} cannot be looked at: ${message}` }
      }
    },
    nested: async (path, place) => (ioctl === null ? [] : nestedSubvolumes(path, place, ioctl)),
    plan(unit, { runId, number }) {
      const name = `${runId}-${number}`
      return {
        provider: 'btrfs',
        unit: unit.label,
        name,
        root: pathText(unit.root),
        path: pathText(`${unit.holder}/${name}`),
        // Where this subvolume is not mounted, nobody can say that its snapshots are gone.
        facts: { ...unit.facts, holder_subvolume_id: ioctl === null ? '' : String(subvolumeAt(parentPath(unit.holder), ioctl)) },
        identity: null,
      }
    },
    async create(records, lockFd) {
      const program = host.findProgram('btrfs')
      const refusal = ioctl === null ? noIoctl : noProgram
      if (ioctl === null || program === null) return { made: records.map(() => refusal), isAtomicSet: false }
      return { made: await createBtrfsSnapshots(records, { program, ioctl, run: host.run, lockFd }), isAtomicSet: false }
    },
    open: async (record) => (ioctl === null ? noIoctl : openBtrfsSnapshot(fromPathText(record.path.text, record.path.b64), record, ioctl)),
    async remove(record, lockFd) {
      const program = host.findProgram('btrfs')
      if (ioctl === null) return noIoctl
      if (program === null) return noProgram
      return removeBtrfsSnapshot(record, { program, ioctl, run: host.run, lockFd, isAdministrator: host.isAdministrator })
    },
  }
}
