import { targetIdentityKey } from '../core/artifact.ts'
import { BastionError, hasCode } from '../core/errors.ts'
import { type BytePath, pathText, toBytePath } from '../lib/byte-path.ts'
import { createNameSet } from '../lib/name-set.ts'
import { createOrderedLane } from '../lib/ordered-lane.ts'
import type { IndexedEntry } from './formats/index-entry.ts'
import { createTreeNames } from './pipeline/tree-names.ts'
import type { RestoreRequest } from './restore.ts'
import { createEntryContent } from './restoring/entry-content.ts'
import { extractItemOf } from './restoring/extract-item.ts'
import type { ExtractItem, ExtractOutcome, MetadataNote } from './restoring/extract-protocol.ts'
import { countOutcome, createRestoreProgress, emptyReport, type RestoreReport } from './restoring/restore-report.ts'
import { createTargetPlacer, type PlaceOutcome } from './restoring/target-placer.ts'
import { safestNames } from './targets/name-rules.ts'
import type { Target } from './targets/target.ts'

/** As of a restore to a directory; and what the target has no place for. Of what is there `metadata` tells what is only in the artifact. */
export interface TargetRestoreReport extends RestoreReport {
  not_held: { dirs: number; links: number; others: number }
}

/** Files that are put at the same time, and the size up to which they are. */
const concurrentPuts = 8
const smallBytes = 4 * 1024 * 1024

/**
 * Restores entries to a target: each file is an object below its root, streamed from where the artifact is, its hash checked before its last byte is given away. Hard links are
 * files of their own there, unless the target has real ones. Nothing is staged, and memory does not grow with the number of entries.
 * @throws restore_conflict under the policy `fail` · artifact_damaged unless `damaged` · invalid_spec where artifacts are kept · the errors of both targets · canceled
 */
export async function restoreToTarget(request: Omit<RestoreRequest, 'destination'> & { destination: Target }): Promise<TargetRestoreReport> {
  const { artifact, destination, selection, conflict, damaged, signal } = request
  const { tree } = destination
  if ((await destination.stat(targetIdentityKey)) !== null) {
    throw new BastionError('invalid_spec', `${destination.label} is where artifacts are kept.`, {
      hint: 'Name a directory below it, or another place.',
    })
  }
  const report: TargetRestoreReport = { ...emptyReport(false), not_held: { dirs: 0, links: 0, others: 0 } }
  const tell = createRestoreProgress(request, report)
  const index = await artifact.index()
  const content = createEntryContent(artifact, { damaged, signal })
  const placer = createTargetPlacer(destination, { conflict, signal })
  const names = createTreeNames(destination.features.names ?? safestNames, '')
  /** first names of hard-linked files that stand under their own */
  const placedNames = createNameSet()
  const lane = createOrderedLane(concurrentPuts)

  function count(item: ExtractItem, outcome: ExtractOutcome): void {
    countOutcome(report, item, outcome)
    if (outcome.kind === 'damaged' && !damaged) throw new BastionError('artifact_damaged', outcome.message)
    if (outcome.kind === 'conflict' && conflict === 'fail') throw new BastionError('restore_conflict', outcome.message)
    tell()
  }

  /** @param key where it stands. @returns what of its metadata is not there */
  async function describe(key: string, item: ExtractItem): Promise<MetadataNote[]> {
    const { mode, uid, gid, mtimeNs, xattrs } = item
    const isKept = tree !== undefined && (await tree.setMetadata(key, { mode, uid, gid, mtimeNs }))
    return [...(isKept ? [] : (['owner', 'mode', 'mtime'] as const)), ...(xattrs === undefined ? [] : (['xattrs'] as const))]
  }

  async function outcomeOf(item: ExtractItem, placed: PlaceOutcome, bytes: number): Promise<ExtractOutcome> {
    if (placed.kind !== 'placed') return placed
    const notes = await describe(placed.key, item)
    const isOwnKey = placed.key === keyOf(item.to)
    return isOwnKey ? { kind: 'done', bytes, notes } : { kind: 'renamed', to: toBytePath(placed.key), bytes, notes }
  }

  /** @param entry whose content it is */
  async function restoreFile(item: ExtractItem, entry: IndexedEntry): Promise<void> {
    if ((entry.size ?? 0) > smallBytes) await lane.drain()
    // Contents are read one after the other: neighbours lie in one frame.
    const body = await content.of(entry).catch(damageOf)
    await lane.push(
      async (): Promise<ExtractOutcome> => {
        if ('damage' in body) return body.damage
        try {
          const size = entry.size ?? 0
          return await outcomeOf(item, await placer.putFile(keyOf(item.to), body, size), size)
        } catch (error) {
          return damageOf(error).damage
        }
      },
      (outcome) => {
        if (outcome.kind === 'done' && entry.hardlink_group !== undefined && item.to === entry.bytes) placedNames.add(item.to)
        count(item, outcome)
      },
    )
    if ((entry.size ?? 0) > smallBytes) await lane.drain()
  }

  async function restoreSymlink(item: ExtractItem): Promise<void> {
    const placed = tree === undefined ? null : await placer.makeLink(keyOf(item.to), (key) => tree.symlink(key, item.target ?? ''))
    if (placed === null) report.not_held.links += 1
    else count(item, await outcomeOf(item, placed, 0))
  }

  async function restoreHardLink(item: ExtractItem): Promise<void> {
    const first = item.target!
    await lane.drain()
    if (tree !== undefined && placedNames.has(first)) {
      const placed = await placer.makeLink(keyOf(item.to), (key) => tree.link(key, keyOf(first)))
      if (placed !== null) return count(item, placed.kind === 'placed' ? { kind: 'done', bytes: 0 } : placed)
    }
    const entry = await index.find(first)
    if (entry?.kind !== 'file') return count(item, { kind: 'damaged', message: `${pathText(item.path).text} links to nothing in the artifact` })
    await restoreFile({ ...extractItemOf(entry, item.to), kind: 'hardlink' }, entry)
  }

  async function restoreDirectory(item: ExtractItem): Promise<void> {
    if (tree === undefined) report.not_held.dirs += 1
    else if (!(await tree.makeDirectory(keyOf(item.to)))) {
      count(item, { kind: 'conflict', message: `${pathText(item.to).text}: something that is no directory is in the way` })
    }
  }

  try {
    for await (const entries of index.scan()) {
      for (const entry of entries) {
        signal.throwIfAborted()
        if (!selection.takes(entry)) continue
        const item = extractItemOf(entry)
        if (entry.kind === 'socket') report.not_restorable += 1
        else if (entry.kind === 'fifo' || entry.kind === 'device') report.not_held.others += 1
        else if (!names.canHold(entry.bytes, entry.kind === 'dir')) {
          count(item, { kind: 'failed', message: `${entry.path}: ${destination.label} does not promise to keep this name as it is` })
        } else if (entry.kind === 'dir') await restoreDirectory(item)
        else if (entry.kind === 'symlink') await restoreSymlink(item)
        else if (entry.kind === 'hardlink') await restoreHardLink(item)
        else await restoreFile(item, entry)
      }
    }
    await lane.drain()
    if (tree !== undefined) await describeDirectories()
    await destination.flush?.('')
  } finally {
    await lane.close()
  }
  return report

  /** Deepest first, when nothing is made in them any more. */
  async function describeDirectories(): Promise<void> {
    for await (const entries of index.scan({ reverse: true })) {
      signal.throwIfAborted()
      for (const entry of entries) {
        if (entry.kind !== 'dir' || !selection.takes(entry) || pathText(entry.bytes).b64 !== undefined) continue
        const item = extractItemOf(entry)
        countOutcome(report, item, { kind: 'done', bytes: 0, notes: await describe(keyOf(item.to), item) })
      }
    }
  }
}

function keyOf(path: BytePath): string {
  return pathText(path).text
}

/** @throws what is no damage of the artifact */
function damageOf(error: unknown): { damage: ExtractOutcome } {
  if (!hasCode(error, 'artifact_damaged')) throw error
  return { damage: { kind: 'damaged', message: error.message } }
}
