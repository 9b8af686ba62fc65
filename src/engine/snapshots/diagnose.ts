import { readFileSync } from 'node:fs'
import type { Finding } from '../../core/finding.ts'
import { createBtrfsIoctl } from '../../lib/btrfs-ioctl.ts'
import { createFileLocker } from '../../lib/file-lock.ts'
import { type SnapshotDescription, snapshotDescriptions, snapshotProviderKinds } from '../../protocol/snapshot-descriptions.ts'
import type { SnapshotServices } from './snapshot-services.ts'

/** What this machine can freeze, what it lacks, and what to do about it. Changes nothing. */
export function diagnoseSnapshots({ host, policy, leases }: SnapshotServices): Finding[] {
  const findings: Finding[] = []
  const add = (subject: string, state: Finding['state'], message: string, hint?: string) =>
    void findings.push({ subject, state, message, ...(hint === undefined ? {} : { hint }) })

  if (createFileLocker() === null || (process.platform === 'linux' && createBtrfsIoctl() === null)) {
    add('C library', 'problem', 'cannot be called: no source snapshots at all', 'Run Bastion on a system with glibc, on x64 or arm64.')
  } else add('C library', 'ok', 'can be called')

  if (host.isAdministrator) add('rights', 'ok', 'may administer filesystems')
  else add('rights', 'note', 'no administrator of this machine: only subvolumes of one’s own can be frozen', 'Run as root to freeze more.')

  if (policy.roots.length === 0) {
    add('snapshot roots', 'note', 'none: every source is read live', 'Allow snapshots with --snapshot-root DIR, or in BASTION_SNAPSHOT_ROOTS.')
  } else add('snapshot roots', 'ok', policy.roots.join(', '))

  const mounted = new Set([...host.readMounts().values()].map(({ fsType }) => fsType))
  const known = knownFilesystems()
  for (const kind of snapshotProviderKinds) {
    const descriptions: Readonly<Record<string, SnapshotDescription>> = snapshotDescriptions
    const { platform, filesystems = [], programs, provenOnRealSystem } = descriptions[kind]!
    if (platform !== host.platform) continue
    const isNeeded = filesystems.some((fsType) => mounted.has(fsType))
    const unproven = provenOnRealSystem === true ? '' : '; not yet run on a real system'
    const missing = programs.filter((program) => host.findProgram(program) === null)
    const isEnabled = policy.enabled?.includes(kind) ?? true
    if (!isEnabled) add(kind, 'note', 'not enabled on this node')
    else if (missing.length > 0) add(kind, isNeeded ? 'problem' : 'note', `not installed: ${missing.join(', ')}${unproven}`, installHints[kind])
    else if (filesystems.length > 0 && !isNeeded && known !== null && !filesystems.some((fsType) => known.has(fsType))) {
      add(kind, 'note', `this kernel does not know ${filesystems.join(', ')}${unproven}`)
    } else add(kind, 'ok', `${programs.length === 0 ? 'needs no program' : 'its programs are installed'}${unproven}`)
  }

  const left = leases.list().filter(({ state }) => state !== 'held')
  if (left.length > 0) add('leases', 'problem', `${left.length} runs have left snapshots`, 'bastion leases reap')
  return findings
}

const installHints: Readonly<Record<string, string>> = {
  btrfs: 'Install btrfs-progs.',
  zfs: 'Install zfsutils-linux.',
  lvm: 'Install lvm2.',
}

/** Built in or loaded; a module that is not loaded is not among them. `null` where the system has no such list. */
function knownFilesystems(): Set<string> | null {
  try {
    return new Set(
      readFileSync('/proc/filesystems', 'latin1')
        .split('\n')
        .map((line) => line.split('\t').at(-1) ?? ''),
    )
  } catch {
    return null
  }
}
