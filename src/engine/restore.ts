import { closeSync, constants, mkdirSync, opendirSync, openSync } from 'node:fs'
import { BastionError } from '../core/errors.ts'
import type { Progress } from '../core/run-event.ts'
import type { Clock } from '../core/clock.ts'
import { type BytePath, pathText } from '../lib/byte-path.ts'
import type { Artifact } from './open-artifact.ts'
import { createDestination, type Destination } from './restoring/destination.ts'
import { extractItemOf } from './restoring/extract-item.ts'
import type { ConflictPolicy, ExtractItem, ExtractOutcome, MetadataNote } from './restoring/extract-protocol.ts'
import { failureOutcome } from './restoring/failure-outcome.ts'
import { createLinkContent } from './restoring/link-content.ts'
import { createLinkPlan } from './restoring/link-plan.ts'
import { openExtractor } from './restoring/open-extractor.ts'
import { createEntryPlacer, type EntryPlacer } from './restoring/place-entry.ts'
import type { Selection } from './selection.ts'

export interface RestoreRequest {
  artifact: Artifact
  /** an absolute path; made when it is missing */
  destination: string
  selection: Selection
  conflict: ConflictPolicy
  /** go on past damaged entries and tell them, instead of stopping at the first */
  damaged: boolean
  clock: Clock
  signal: AbortSignal
  onProgress: (progress: Progress) => void
}

/** What became of a restore. `sample` lists hold at most 50 lines. */
export interface RestoreReport {
  restored: { files: number; dirs: number; links: number; others: number; bytes: number }
  skipped: number
  renamed: number
  /** sockets: they exist only while their program runs */
  not_restorable: number
  conflicts: { total: number; sample: string[] }
  failed: { total: number; sample: string[] }
  damaged: { total: number; sample: string[] }
  /** entries whose content is back but not all of their metadata */
  metadata: Record<MetadataNote, number> & { owners_restored: boolean }
}

const maxSamples = 50
const progressIntervalMs = 1000

/**
 * Restores entries below a directory. Forward through the index: directories are made, content is extracted in threads and appears whole, hashes checked while writing. Then
 * backward: hard links, and the metadata of directories, deepest first. Memory does not grow with the number of entries.
 * @throws restore_conflict under the policy `fail` · artifact_damaged unless `damaged` · restore_failed when the destination cannot be written · canceled
 */
export async function restore(request: RestoreRequest): Promise<RestoreReport> {
  const { artifact, selection, conflict, signal, clock } = request
  const owners = process.getuid?.() === 0
  const report = emptyReport(owners)
  const index = await artifact.index()
  using root = openRoot(request.destination)
  using destination = createDestination(root.fd)
  const placing = { conflict, owners, fresh: root.fresh }
  const placer = createEntryPlacer(destination, placing)
  const links = createLinkPlan()
  const startedMs = clock.now()
  let toldMs = startedMs

  function count(item: ExtractItem, outcome: ExtractOutcome): void {
    links.onOutcome(item, outcome)
    countOutcome(report, item, outcome)
    if (outcome.kind === 'damaged' && !request.damaged) throw new BastionError('artifact_damaged', outcome.message)
    if (outcome.kind === 'conflict' && conflict === 'fail') throw new BastionError('restore_conflict', outcome.message)
    const now = clock.now()
    if (now - toldMs < progressIntervalMs) return
    toldMs = now
    const { files, dirs, bytes } = report.restored
    const totals = artifact.manifest.totals
    const rate = bytes / Math.max(0.001, (now - startedMs) / 1000)
    request.onProgress({
      stage: 'restoring',
      done: { files, dirs, bytes },
      ...(selection.all ? { total: { files: totals.files, dirs: totals.dirs, bytes: totals.source_bytes } } : {}),
      rate_bps: Math.round(rate),
      eta_s: selection.all && rate > 0 ? Math.round((totals.source_bytes - bytes) / rate) : null,
      stored_bytes: 0,
    })
  }
  const threads = { rootFd: root.fd, ...placing }
  await using extractor = await openExtractor(artifact, { damaged: request.damaged, restore: { threads, placer }, signal, onOutcome: count })
  const content = createLinkContent(index, extractor)

  for await (const entries of index.scan()) {
    signal.throwIfAborted()
    for (const entry of entries) {
      if (!selection.takes(entry)) continue
      const item = extractItemOf(entry)
      if (entry.kind === 'dir') {
        const outcome = makeDirectory(destination, item, conflict)
        if (outcome.kind !== 'done') count(item, outcome)
      } else if (entry.kind === 'socket') {
        report.not_restorable += 1
      } else if (entry.kind === 'hardlink') {
        // The content comes with the first name; when that one is not selected, with this one.
        const isElsewhere = !selection.all && links.needsContent(item.target!) && !content.isNoted(item.target!)
        const first = isElsewhere ? await content.find(item.target!) : null
        if (first !== null && !selection.takes(first)) {
          links.standIn(item)
          await extractor.add(extractItemOf(first, item.to), first)
        }
      } else if (!extractor.holds(entry)) {
        count(item, { kind: 'damaged', message: `${entry.path} has no place in the payload` })
      } else {
        content.note(entry)
        const waiting = extractor.add(item, entry)
        if (waiting !== undefined) await waiting
      }
    }
  }
  await extractor.drain()

  for await (const entries of index.scan({ reverse: true })) {
    signal.throwIfAborted()
    for (const entry of entries) {
      if ((entry.kind !== 'dir' && entry.kind !== 'hardlink') || !selection.takes(entry)) continue
      const item = extractItemOf(entry)
      if (entry.kind === 'hardlink' && !links.isStandIn(item)) await restoreLink(item)
      if (entry.kind === 'dir') finishDirectory(report, placer, item, links.isBlocked(item.to))
    }
  }
  return report

  async function restoreLink(item: ExtractItem): Promise<void> {
    const target = links.targetOf(item)
    if (target !== null && content.isNoted(item.target!)) return placeLink(item, target)
    const first = await content.find(item.target!)
    if (first === null) return count(item, { kind: 'damaged', message: `${pathText(item.path).text} links to nothing in the artifact` })
    if (target !== null) return placeLink(item, target)
    // No name of it was restored as itself (skipped, or something was in its way): a link would lead to somebody else's content.
    await extractor.add(extractItemOf(first, item.to), first)
    await extractor.drain()
  }

  function placeLink(item: ExtractItem, target: BytePath): void {
    count(
      item,
      attempt(item, () => placer.placeHardLink(item, target)),
    )
  }
}

function openRoot(path: string): { fd: number; fresh: boolean } & Disposable {
  try {
    mkdirSync(path, { recursive: true })
    const fd = openSync(path, constants.O_RDONLY | constants.O_DIRECTORY)
    using entries = opendirSync(path)
    return { fd, fresh: entries.readSync() === null, [Symbol.dispose]: () => closeSync(fd) }
  } catch (error) {
    throw new BastionError('restore_failed', `the destination ${path} cannot be used: ${(error as Error).message}`, { cause: error })
  }
}

/** Makes a directory or takes the one that is there; its metadata comes last. */
function makeDirectory(destination: Destination, item: ExtractItem, conflict: ConflictPolicy): ExtractOutcome {
  return attempt(item, () => {
    const { directory, name } = destination.parentOf(item.to)
    try {
      mkdirSync(directory.at(name), 0o700)
      return { kind: 'done', bytes: 0 }
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
    }
    const there = destination.lookAt(item.to)
    if (there?.isDirectory() === true) return { kind: 'done', bytes: 0 }
    const message = `${pathText(item.to).text}: something that is no directory is in the way`
    if (conflict === 'fail') throw new BastionError('restore_conflict', message)
    return { kind: 'conflict', message }
  })
}

function attempt(item: ExtractItem, action: () => ExtractOutcome): ExtractOutcome {
  try {
    return action()
  } catch (error) {
    return failureOutcome(item.to, error)
  }
}

function finishDirectory(report: RestoreReport, placer: EntryPlacer, item: ExtractItem, blocked: boolean): void {
  if (blocked) return
  let notes: ReturnType<EntryPlacer['finishDirectory']> = []
  const outcome = attempt(item, () => {
    notes = placer.finishDirectory(item)
    return { kind: 'done', bytes: 0 }
  })
  countOutcome(report, item, outcome.kind === 'done' ? { kind: 'done', bytes: 0, notes } : outcome)
}

function countOutcome(report: RestoreReport, item: ExtractItem, outcome: ExtractOutcome): void {
  switch (outcome.kind) {
    case 'done':
    case 'renamed': {
      if (item.kind === 'file') report.restored.files += 1
      else if (item.kind === 'dir') report.restored.dirs += 1
      else if (item.kind === 'symlink' || item.kind === 'hardlink') report.restored.links += 1
      else report.restored.others += 1
      report.restored.bytes += outcome.bytes
      if (outcome.kind === 'renamed') report.renamed += 1
      for (const what of outcome.notes ?? []) report.metadata[what] += 1
      break
    }
    case 'skipped':
      report.skipped += 1
      break
    case 'conflict':
      note(report.conflicts, outcome.message)
      break
    case 'failed':
      note(report.failed, outcome.message)
      break
    case 'damaged':
      note(report.damaged, outcome.message)
      break
    case 'spans':
      throw new Error('an entry that spans frames was not streamed')
  }
}

function note(list: { total: number; sample: string[] }, message: string): void {
  list.total += 1
  if (list.sample.length < maxSamples) list.sample.push(message)
}

function emptyReport(owners: boolean): RestoreReport {
  const none = () => ({ total: 0, sample: [] })
  return {
    restored: { files: 0, dirs: 0, links: 0, others: 0, bytes: 0 },
    skipped: 0,
    renamed: 0,
    not_restorable: 0,
    conflicts: none(),
    failed: none(),
    damaged: none(),
    metadata: { owner: 0, mode: 0, mtime: 0, xattrs: 0, owners_restored: owners },
  }
}
