import { fstatSync, lstatSync, readdirSync, readFileSync, rmdirSync, unlinkSync } from 'node:fs'
import type { SnapshotRecord } from '../../../core/snapshot-lease.ts'
import { type BytePath, fromPathText, fsPath, parentPath } from '../../../lib/byte-path.ts'
import { createFilesystemSync } from '../../../lib/posix-sync.ts'
import { findHolder, type HeldDirectory, holdDirectory, removeEmptyHolder } from '../holder-directory.ts'
import { isRefusal, type Refusal } from '../snapshot-provider.ts'

/** Stands in a directory of copies and says whose it is. */
export const tokenName = 'owner-token'
/** The copy that proves that there can be copies. */
export const trialName = '0'
const copyName = /^\d+$/

/**
 * Removes a directory of copies: only one that has the lease's token, only numbered files in it, nothing below, and it only when it is empty then.
 */
export async function removeCopies(record: SnapshotRecord): Promise<Refusal | null> {
  const holderPath = parentPath(fromPathText(record.path.text, record.path.b64))
  if (directoryId(parentPath(holderPath)) !== record.facts['holder_parent']) {
    return { reason: `the filesystem of ${record.path.text} is not mounted there`, hint: 'Mount it, and "bastion leases reap".' }
  }
  const found = findHolder(holderPath)
  if (isRefusal(found)) return found
  if (found !== null) {
    using holder = found
    if (lstatSync(holder.at(record.name), { throwIfNoEntry: false }) !== undefined) {
      const refusal = emptyDirectory(holder, record)
      if (refusal !== null) return refusal
      rmdirSync(holder.at(record.name))
    }
    await createFilesystemSync()(holder.at('.'))
  }
  removeEmptyHolder(holderPath)
  return null
}

function emptyDirectory(holder: HeldDirectory, record: SnapshotRecord): Refusal | null {
  using copies = holdDirectory(Buffer.from(holder.at(record.name)))
  const names = readdirSync(copies.at('.'), { withFileTypes: true, encoding: 'latin1' })
  // Made just before its run was killed, with nothing in it yet: removing that takes nothing from anybody.
  const isBare = names.every(({ name }) => name === tokenName && lstatSync(copies.at(name)).size === 0)
  if (!isBare && !isOurs(copies, record)) return { reason: `${record.path.text} is left alone: it does not have the token of its run` }
  const strange = names.find((entry) => !entry.isFile() || (entry.name !== tokenName && !copyName.test(entry.name)))
  if (strange !== undefined) return { reason: `${record.path.text} is left alone: something else is in it (${strange.name})` }
  // The token last: as long as there is anything, it says whose it is.
  for (const { name } of names) if (name !== tokenName) unlinkSync(copies.at(name))
  if (names.some(({ name }) => name === tokenName)) unlinkSync(copies.at(tokenName))
  return null
}

/** Whether an open directory of copies is that of the record. */
export function isOurs(copies: HeldDirectory, { facts, identity }: SnapshotRecord): boolean {
  if (identity !== null && String(fstatSync(copies.fd, { bigint: true }).ino) !== identity['inode']) return false
  try {
    return readFileSync(copies.at(tokenName), 'utf8') === facts['owner_token']
  } catch {
    return false
  }
}

/** Tells a directory from any other that may stand at its path when another filesystem, or none, is mounted there. */
export function directoryId(path: BytePath): string | null {
  const stats = lstatSync(fsPath(path), { throwIfNoEntry: false, bigint: true })
  return stats === undefined ? null : `${stats.ino}:${stats.birthtimeNs}`
}
