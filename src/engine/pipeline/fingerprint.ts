import type { ConsistencyReason, Fingerprint } from '../../core/consistency.ts'
import type { FileStat } from '../../lib/file-stat.ts'

export function fingerprintOf(state: FileStat): Fingerprint {
  return {
    size_bytes: state.size,
    mtime_unix_seconds: Number(state.mtimeNs / 1_000_000_000n),
    mtime_ns: String(state.mtimeNs),
    ctime_ns: String(state.ctimeNs),
    file_id: { dev: String(state.dev), ino: String(state.inodeNumber) },
  }
}

/** Why the open file is not what it was; `null` when it is. A changed ctime alone (chmod, a restored mtime) counts as a changed mtime. */
export function changeOf(before: FileStat, after: FileStat): ConsistencyReason | null {
  if (before.size !== after.size) return 'size_changed'
  if (before.mtimeNs !== after.mtimeNs || before.ctimeNs !== after.ctimeNs) return 'mtime_changed'
  return null
}

const tickMs = 10
const secondMs = 1000

/**
 * Whether a write could have come between `state` and the last change without moving its times: they move in steps of the kernel's tick (up to 10 ms),
 * or of two seconds on filesystems that keep whole seconds. Such a file can change while it is read and look unchanged.
 * The idea is Borg's, see its issue 3536.
 * @param nowMs when `state` was taken, or later if nothing has moved its times until then
 */
export function isWithinGranularity(state: FileStat, nowMs: number): boolean {
  const { mtimeMs, ctimeMs } = state
  const coarse = ctimeMs % secondMs === 0 && mtimeMs % secondMs === 0
  const ageMs = nowMs - Math.max(mtimeMs, ctimeMs)
  return ageMs < (coarse ? 2 * secondMs : tickMs) && ageMs > -60 * secondMs
}
