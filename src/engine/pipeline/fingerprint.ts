import type { BigIntStats } from 'node:fs'
import type { ConsistencyReason, Fingerprint } from '../../core/consistency.ts'

/** What tells one state of a file from another, as `stat` gives it. */
export type FileState = Pick<BigIntStats, 'size' | 'mtimeNs' | 'ctimeNs' | 'dev' | 'ino'>

export function fingerprintOf(state: FileState): Fingerprint {
  return {
    size_bytes: Number(state.size),
    mtime_unix_seconds: Number(state.mtimeNs / 1_000_000_000n),
    mtime_ns: String(state.mtimeNs),
    ctime_ns: String(state.ctimeNs),
    file_id: { dev: String(state.dev), ino: String(state.ino) },
  }
}

/** Why the open file is not what it was; `null` when it is. A changed ctime alone (chmod, a restored mtime) counts as a changed mtime. */
export function changeOf(before: FileState, after: FileState): ConsistencyReason | null {
  if (before.size !== after.size) return 'size_changed'
  if (before.mtimeNs !== after.mtimeNs || before.ctimeNs !== after.ctimeNs) return 'mtime_changed'
  return null
}

export function isSameFile(a: FileState, b: FileState): boolean {
  return a.ino === b.ino && a.dev === b.dev
}

const tickNs = 10_000_000n
const secondNs = 1_000_000_000n

/**
 * Whether a write could have come between `state` and the last change without moving its times: they move in steps of the kernel's tick (up to 10 ms),
 * or of two seconds on filesystems that keep whole seconds. Such a file can change while it is read and look unchanged.
 * The idea is Borg's, see its issue 3536.
 * @param nowNs when `state` was taken
 */
export function isWithinGranularity(state: FileState, nowNs: bigint): boolean {
  const last = state.ctimeNs > state.mtimeNs ? state.ctimeNs : state.mtimeNs
  const coarse = state.ctimeNs % secondNs === 0n && state.mtimeNs % secondNs === 0n
  const age = nowNs - last
  return age < (coarse ? 2n * secondNs : tickNs) && age > -60n * secondNs
}
