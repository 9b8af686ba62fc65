import { lstatSync } from 'node:fs'
import type { SnapshotRecord } from '../../../core/snapshot-lease.ts'
import type { BtrfsIoctl } from '../../../lib/btrfs-ioctl.ts'
import { type BytePath, fromPathText, fsPath, parentPath } from '../../../lib/byte-path.ts'
import { createFilesystemSync } from '../../../lib/posix-sync.ts'
import type { Command, CommandResult } from '../../../lib/run-command.ts'
import { findHolder, type HeldDirectory, holdDirectory, removeEmptyHolder } from '../holder-directory.ts'
import { isRefusal, type Refusal } from '../snapshot-provider.ts'
import { type BtrfsTools, commandFailure, commandTimeoutMs, identify } from './btrfs-snapshot.ts'
import { rootIno } from './btrfs-unit.ts'

/**
 * Deletes the snapshot of a record by its id, so that no exchange of names can make it another one, and waits for the commit: before that it could come back after a power cut.
 * Without root it can only be deleted by name, with the rights of its owner, and must be made writable first.
 */
export async function removeBtrfsSnapshot(record: SnapshotRecord, tools: BtrfsTools & { isAdministrator: boolean }): Promise<Refusal | null> {
  const holderPath = parentPath(fromPathText(record.path.text, record.path.b64))
  const found = findHolder(holderPath)
  if (found === null) return isMounted(holderPath, record, tools.ioctl) ? null : notMounted(record)
  if (isRefusal(found)) return found
  {
    using holder = found
    if (!isHolderPlace(holder, record, tools.ioctl)) return notMounted(record)
    if (isThere(holder, record)) {
      const refusal = await deleteSnapshot(holder, record, tools)
      if (refusal !== null) return refusal
    }
    // Whoever deleted it, perhaps an earlier attempt that was killed before its commit.
    await createFilesystemSync()(holder.at('.'))
    if (isThere(holder, record)) return { reason: `${record.path.text} is still there after it was deleted` }
  }
  removeEmptyHolder(holderPath)
  return null
}

async function deleteSnapshot(
  holder: HeldDirectory,
  record: SnapshotRecord,
  tools: BtrfsTools & { isAdministrator: boolean },
): Promise<Refusal | null> {
  let snapshot: HeldDirectory
  try {
    snapshot = holdDirectory(Buffer.from(holder.at(record.name)))
  } catch (error) {
    return { reason: `${record.path.text} cannot be opened: ${(error as Error).message}` }
  }
  using _ = snapshot
  let ids: { id: string; readOnly: boolean }
  try {
    ids = identify(snapshot.fd, record, tools.ioctl)
  } catch (error) {
    return { reason: `${record.path.text} is left alone: ${(error as Error).message}` }
  }
  const deletion = ['subvolume', 'delete', '--commit-after']
  const run = (command: Pick<Command, 'args' | 'fds'>): Promise<CommandResult> =>
    tools.run({ file: tools.program, timeoutMs: commandTimeoutMs, ...command })
  if (tools.isAdministrator) {
    using top = visibleRoot(holder, record, tools.ioctl)
    if (top === null) return { reason: `${record.path.text} cannot be deleted: no root of a subvolume of its filesystem is mounted` }
    return failureOf(await run({ args: [...deletion, '--subvolid', ids.id, '/proc/self/fd/4'], fds: [tools.lockFd, top.fd] }), record)
  }
  if (ids.readOnly) {
    const cleared = await run({ args: ['property', 'set', '-t', 'subvol', '/proc/self/fd/4', 'ro', 'false'], fds: [tools.lockFd, snapshot.fd] })
    if (cleared.code !== 0) return failureOf(cleared, record)
  }
  return failureOf(await run({ args: [...deletion, `/proc/self/fd/4/${record.name}`], fds: [tools.lockFd, holder.fd] }), record)
}

function failureOf(result: CommandResult, record: SnapshotRecord): Refusal | null {
  return result.code === 0 ? null : { reason: commandFailure(`delete ${record.path.text}`, result) }
}

function isThere(holder: HeldDirectory, record: SnapshotRecord): boolean {
  return lstatSync(holder.at(record.name), { throwIfNoEntry: false }) !== undefined
}

/** `btrfs` takes an id together with the root of any subvolume of the same filesystem: that of the unit, or one around the holder. */
function visibleRoot(holder: HeldDirectory, record: SnapshotRecord, ioctl: BtrfsIoctl): HeldDirectory | null {
  const filesystem = ioctl.filesystemUuid(holder.fd)
  const candidates: BytePath[] = [fromPathText(record.root.text, record.root.b64)]
  for (let at = parentPath(fromPathText(record.path.text, record.path.b64)); at !== '/'; at = parentPath(at)) candidates.push(at)
  for (const candidate of [...candidates, '/']) {
    try {
      if (lstatSync(fsPath(candidate)).ino !== rootIno) continue
      const held = holdDirectory(candidate)
      if (isOn(filesystem, held, ioctl)) return held
      held[Symbol.dispose]()
    } catch {
      // not there any more, or not for us to open: the next one
    }
  }
  return null
}

function isOn(filesystem: string | undefined, held: HeldDirectory, ioctl: BtrfsIoctl): boolean {
  try {
    return ioctl.filesystemUuid(held.fd) === filesystem
  } catch {
    return false
  }
}

function isHolderPlace(held: HeldDirectory, { facts }: SnapshotRecord, ioctl: BtrfsIoctl): boolean {
  return isOn(facts['filesystem_uuid'], held, ioctl) && String(ioctl.subvolume(held.fd).id) === facts['holder_subvolume_id']
}

/** A holder that is not there proves that the snapshot is gone only where the filesystem itself is there. */
function isMounted(holderPath: BytePath, record: SnapshotRecord, ioctl: BtrfsIoctl): boolean {
  for (let at = parentPath(holderPath); ; at = parentPath(at)) {
    try {
      using held = holdDirectory(at)
      return isHolderPlace(held, record, ioctl)
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT' || at === '/') return false
    }
  }
}

function notMounted(record: SnapshotRecord): Refusal {
  return { reason: `the filesystem of ${record.path.text} is not mounted there`, hint: 'Mount it, and "bastion leases reap".' }
}
