import { closeSync, constants, openSync, type Stats } from 'node:fs'
import type { ConflictPolicy } from '../core/operation.ts'
import type { RestorePreview } from '../core/restore-preview.ts'
import { type BytePath, pathText } from '../lib/byte-path.ts'
import type { IndexedEntry } from './formats/index-entry.ts'
import type { Artifact } from './open-artifact.ts'
import { createDestination } from './restoring/destination.ts'
import { createTargetLook } from './restoring/look-at-target.ts'
import { replaces } from './restoring/place-entry.ts'
import type { Selection } from './selection.ts'
import type { Target } from './targets/target.ts'

/** What stands at the place of an entry. */
export type InTheWay = RestorePreview['conflicts']['sample'][number]['existing']

/** Looks at the place of an entry, itself when it is a link. */
export interface DestinationLook {
  /** `bytes` that are given back when it is replaced. `null`: nothing is there. `blocked`: something on the way to it is no directory */
  at(path: BytePath): Promise<{ existing: InTheWay; bytes: number; replaces: (kind: IndexedEntry['kind']) => boolean } | 'blocked' | null>
  /** for what is written; null where nobody can say */
  readonly freeBytes: number | null
  /** so many places are looked at; what comes behind them is not known */
  readonly most: number
}

const maxSamples = 100

/**
 * What a restore would do, without doing it: how much it brings, what is in its way and what becomes of that under the policy, and whether there is room. What is sparse counts as
 * nothing, for only its data is written, and the index does not say how much that is.
 * @throws artifact_damaged · encryption_key_missing · the errors of the target and the destination · canceled
 */
export async function planRestore(request: {
  artifact: Artifact
  selection: Selection
  conflict: ConflictPolicy
  look: DestinationLook
  signal: AbortSignal
}): Promise<RestorePreview> {
  const { artifact, selection, conflict, look, signal } = request
  const preview: RestorePreview = {
    files: 0,
    dirs: 0,
    links: 0,
    others: 0,
    not_restorable: 0,
    bytes: 0,
    needed_bytes: 0,
    free_bytes: look.freeBytes,
    fits: null,
    conflicts: { total: 0, sample: [], looked_at_all: true },
  }
  let looks = 0

  async function needed(entry: IndexedEntry): Promise<number> {
    const bytes = entry.kind === 'file' && entry.sparse === undefined ? (entry.size ?? 0) : 0
    if (looks === look.most) {
      preview.conflicts.looked_at_all = false
      return bytes
    }
    looks += 1
    const there = await look.at(entry.bytes)
    if (there === null || (entry.kind === 'dir' && there !== 'blocked' && there.existing === 'directory')) return bytes
    const outcome = outcomeOf(entry.kind, there, conflict)
    const { conflicts } = preview
    conflicts.total += 1
    if (conflicts.sample.length < maxSamples) {
      const { text, b64 } = pathText(entry.bytes)
      const existing = there === 'blocked' ? 'blocked' : there.existing
      conflicts.sample.push({ path: text, ...(b64 === undefined ? {} : { path_b64: b64 }), existing, outcome })
    }
    if (outcome === 'replaced' && there !== 'blocked') return Math.max(0, bytes - there.bytes)
    return outcome === 'renamed' ? bytes : 0
  }

  const index = await artifact.index()
  for await (const entries of index.scan()) {
    for (const entry of entries) {
      signal.throwIfAborted()
      if (!selection.takes(entry)) continue
      if (entry.kind === 'socket') {
        preview.not_restorable += 1
        continue
      }
      if (entry.kind === 'file') preview.files += 1
      else if (entry.kind === 'dir') preview.dirs += 1
      else if (entry.kind === 'symlink' || entry.kind === 'hardlink') preview.links += 1
      else preview.others += 1
      if (entry.kind === 'file') preview.bytes += entry.size ?? 0
      preview.needed_bytes += await needed(entry)
    }
  }
  if (preview.free_bytes !== null) preview.fits = preview.needed_bytes <= preview.free_bytes
  return preview
}

type Outcome = RestorePreview['conflicts']['sample'][number]['outcome']

/** As place-entry.ts and restore.ts decide it. */
function outcomeOf(kind: IndexedEntry['kind'], there: Exclude<Awaited<ReturnType<DestinationLook['at']>>, null>, conflict: ConflictPolicy): Outcome {
  if (conflict === 'fail') return 'ends_restore'
  if (there === 'blocked' || kind === 'dir') return 'left'
  if (conflict === 'skip') return 'skipped'
  if (conflict === 'rename') return 'renamed'
  return there.replaces(kind) ? 'replaced' : 'left'
}

/** What `stats` says of what is there. */
function lookedAt(stats: Stats): Exclude<Awaited<ReturnType<DestinationLook['at']>>, 'blocked' | null> {
  const existing = stats.isDirectory() ? 'directory' : stats.isSymbolicLink() ? 'link' : stats.isFile() ? 'file' : 'special'
  return { existing, bytes: stats.isFile() ? stats.size : 0, replaces: (kind) => kind !== 'socket' && replaces(kind, stats) }
}

/** @param at a directory, null where it is not there yet */
export function lookIntoDirectory(at: string | null, freeBytes: number): DestinationLook & Disposable {
  const all = Number.POSITIVE_INFINITY
  if (at === null) return { at: async () => null, freeBytes, most: all, [Symbol.dispose]() {} }
  const fd = openSync(at, constants.O_RDONLY | constants.O_DIRECTORY)
  const destination = createDestination(fd)
  return {
    async at(path) {
      try {
        const stats = destination.lookAt(path)
        return stats === undefined ? null : lookedAt(stats)
      } catch (error) {
        const { code } = error as NodeJS.ErrnoException
        if (code === 'ENOTDIR' || code === 'ELOOP') return 'blocked'
        throw error
      }
    },
    freeBytes,
    most: all,
    [Symbol.dispose]() {
      destination[Symbol.dispose]()
      closeSync(fd)
    },
  }
}

const mostTargetLooks = 1000

export function lookIntoTarget(target: Target, signal: AbortSignal): DestinationLook {
  const look = createTargetLook(target, signal)
  return {
    async at(path) {
      const there = await look(pathText(path).text)
      if (there === null) return null
      if (there.kind === 'an object') return { existing: 'file', bytes: there.sizeBytes, replaces: (kind) => kind === 'file' || kind === 'hardlink' }
      return { existing: there.kind === 'a directory' ? 'directory' : 'link', bytes: 0, replaces: () => false }
    },
    freeBytes: null,
    most: mostTargetLooks,
  }
}
