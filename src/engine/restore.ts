import { closeSync, constants, mkdirSync, opendirSync, openSync } from 'node:fs'
import { BastionError } from '../core/errors.ts'
import type { ConflictPolicy } from '../core/operation.ts'
import type { Progress } from '../core/run-event.ts'
import type { Clock } from '../core/clock.ts'
import { type BytePath, pathText } from '../lib/byte-path.ts'
import type { IndexedEntry } from './formats/entries-index-reader.ts'
import type { Artifact } from './open-artifact.ts'
import { createDestination, type Destination } from './restoring/destination.ts'
import { extractItemOf } from './restoring/extract-item.ts'
import type { ExtractItem, ExtractOutcome } from './restoring/extract-protocol.ts'
import { failureOutcome } from './restoring/failure-outcome.ts'
import { createLinkContent } from './restoring/link-content.ts'
import { createLinkPlan } from './restoring/link-plan.ts'
import { openExtractor } from './restoring/open-extractor.ts'
import { createEntryPlacer, type EntryPlacer } from './restoring/place-entry.ts'
import { countOutcome, createRestoreProgress, emptyReport, type RestoreReport } from './restoring/restore-report.ts'
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

/** Of memory, about: a path can be 64 KiB. */
const maxKnownBytes = 16 * 1024 * 1024
const bytesPerEntry = 500

/**
 * Restores entries below a directory. Forward through the index: directories are made, content is extracted in threads and appears whole, hashes checked while writing. Then
 * backward: hard links, and the metadata of directories, deepest first. Memory does not grow with the number of entries.
 * @throws restore_conflict under the policy `fail` · artifact_damaged unless `damaged` · restore_failed when the destination cannot be written · canceled
 */
export async function restore(request: RestoreRequest): Promise<RestoreReport> {
  const { artifact, selection, conflict, signal } = request
  const owners = process.getuid?.() === 0
  const report = emptyReport(owners)
  const index = await artifact.index()
  using root = openRoot(request.destination)
  using destination = createDestination(root.fd)
  const placing = { conflict, owners, fresh: root.fresh }
  const placer = createEntryPlacer(destination, placing)
  const links = createLinkPlan()
  const tell = createRestoreProgress(request, report)

  function count(item: ExtractItem, outcome: ExtractOutcome): void {
    links.onOutcome(item, outcome)
    countOutcome(report, item, outcome)
    if (outcome.kind === 'damaged' && !request.damaged) throw new BastionError('artifact_damaged', outcome.message)
    if (outcome.kind === 'conflict' && conflict === 'fail') throw new BastionError('restore_conflict', outcome.message)
    tell()
  }
  const threads = { rootFd: root.fd, ...placing }
  await using extractor = await openExtractor(artifact, { damaged: request.damaged, restore: { threads, placer }, signal, onOutcome: count })
  const content = createLinkContent(index, extractor)
  const last = createLastEntries()

  for await (const entries of index.scan()) {
    signal.throwIfAborted()
    for (const entry of entries) {
      if (!selection.takes(entry)) continue
      const item = extractItemOf(entry)
      last.note(entry)
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

  for await (const entries of last.known() ?? index.scan({ reverse: true })) {
    signal.throwIfAborted()
    for (const entry of entries) {
      if (!isLast(entry) || !selection.takes(entry)) continue
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

/** Entries that come when everything else is there, backward. Few of them are kept in mind; more are read from the index once more. */
function createLastEntries(): { note(entry: IndexedEntry): void; known(): IndexedEntry[][] | null } {
  let entries: IndexedEntry[] | null = []
  let knownBytes = 0
  return {
    note(entry) {
      if (!isLast(entry) || entries === null) return
      knownBytes += bytesPerEntry + 2 * (entry.bytes.length + (entry.targetBytes?.length ?? 0))
      if (knownBytes < maxKnownBytes) entries.push(entry)
      else entries = null
    },
    known: () => (entries === null ? null : [entries.toReversed()]),
  }
}

function isLast({ kind }: IndexedEntry): boolean {
  return kind === 'dir' || kind === 'hardlink'
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
