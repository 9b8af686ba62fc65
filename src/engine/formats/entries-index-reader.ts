import type { IndexHeader } from '../../core/entry.ts'
import type { BytePath } from '../../lib/byte-path.ts'
import { damagedIndex, type IndexedEntry } from './index-entry.ts'
import { type EntryFrame, openIndexFrames } from './index-frames.ts'
import type { RangeReader } from './range-reader.ts'

export type { IndexedEntry } from './index-entry.ts'

export interface ScanOptions {
  /** only what lies below this directory, itself not included; "" is everything */
  below?: BytePath
  /** where reading starts: at this path, or at the next one in the direction of reading */
  from?: BytePath
  /** the last entry first */
  reverse?: boolean
  signal?: AbortSignal
}

/**
 * The entries of an artifact, read in place. What is stored is taken as hostile: memory is bounded by the size of a frame, whatever is not as it
 * must be is `artifact_damaged`, and every path stays below the directory it is joined to. Paths are in byte order, which puts `a-b` between `a`
 * and `a/x`.
 */
export interface EntriesIndex {
  readonly header: IndexHeader
  /** what the manifest promises */
  readonly count: number
  /** Lines and fields met so far that this version does not know and left out. */
  readonly warnings: number
  /** Reads one frame. */
  find(path: BytePath): Promise<IndexedEntry | null>
  /** What is directly in a directory ("" is the top), in order. Reads past what lies below its children, however much it is. */
  children(directory: BytePath): AsyncGenerator<IndexedEntry>
  /**
   * The entries frame by frame; an array is never empty.
   * @throws BastionError artifact_damaged also at the end of a scan of everything that met more or fewer entries than the manifest promises
   */
  scan(options?: ScanOptions): AsyncGenerator<IndexedEntry[]>
}

/**
 * Reads the seek table, the lookup and the header of an index.
 * @param reader its plaintext: the zstd stream
 * @param limits.count of entries, from the manifest
 * @throws BastionError artifact_damaged
 */
export async function openEntriesIndex(reader: RangeReader, limits: { count: number }): Promise<EntriesIndex> {
  const frames = await openIndexFrames(reader, limits.count)
  const noted = new Set<BytePath>()
  let warnings = 0

  /** A frame read twice warns once. */
  function note(frame: EntryFrame): EntryFrame {
    if (frame.skipped > 0 && !noted.has(frame.firstPath)) {
      noted.add(frame.firstPath)
      warnings += frame.skipped
    }
    return frame
  }

  async function* children(directory: BytePath): AsyncGenerator<IndexedEntry> {
    const prefix = directory === '' ? '' : `${directory}/`
    const end = directory === '' ? null : afterSubtree(directory)
    const last = end === null ? frames.count - 1 : frames.frameOf(end)
    // Children yielded that may still have something below them to come: each one begins with the one before it.
    const open: BytePath[] = []
    let position = prefix
    for (let first = Math.max(0, frames.frameOf(position)); first <= last; first = Math.max(first + 1, frames.frameOf(position))) {
      for await (const frame of framesFrom(first, last)) {
        const { entries } = note(frame)
        for (let i = lowerBound(entries, position); i < entries.length; i++) {
          const entry = entries[i]!
          const { bytes } = entry
          if (end !== null && bytes >= end) return
          const slash = bytes.indexOf('/', prefix.length)
          const name = slash === -1 ? bytes : bytes.slice(0, slash)
          while (open.length > 0 && !name.startsWith(open.at(-1)!)) open.pop()
          if (slash === -1) {
            open.push(name)
            yield entry
            continue
          }
          if (open.at(-1) !== name) yield implicitDirectory(entry, name)
          position = afterSubtree(name)
          i = lowerBound(entries, position, i + 1) - 1
        }
        if (frames.frameOf(position) > first + 1) break
        first += 1
      }
    }
  }

  return { header: frames.header, count: limits.count, children }
}
