import type { IndexHeader } from '../../core/entry.ts'
import { type BytePath, pathText } from '../../lib/byte-path.ts'
import { damagedIndex, type IndexedEntry } from './index-entry.ts'
import { createImplicitDirectories } from './implicit-directories.ts'
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
  /**
   * What is directly in a directory ("" is the top), in order; an implicit directory comes where its content begins. Jumps over what lies below the
   * children, however much it is.
   * @param after the child to go on behind, as it was given
   */
  children(directory: BytePath, after?: Pick<IndexedEntry, 'bytes' | 'implicit'>): AsyncGenerator<IndexedEntry>
  /**
   * The entries frame by frame; an array is never empty.
   * @throws BastionError artifact_damaged also at the end of a scan of everything that met more or fewer entries, or more content or directories, than the manifest
   * promises
   */
  scan(options?: ScanOptions): AsyncGenerator<IndexedEntry[]>
}

/**
 * Reads the seek table, the lookup and the header of an index.
 * @param reader its plaintext: the zstd stream
 * @param limits.count of entries, from the manifest · `contentBytes` of all files together, and `holeBytes` of the sparse ones, from there too
 * @throws BastionError artifact_damaged
 */
export async function openEntriesIndex(
  reader: RangeReader,
  limits: { count: number; contentBytes?: number; holeBytes?: number },
): Promise<EntriesIndex> {
  const frames = await openIndexFrames(reader, limits.count)
  const maxContentBytes = limits.contentBytes ?? Number.POSITIVE_INFINITY
  const maxSizes = maxContentBytes + (limits.holeBytes ?? 0)
  const noted = new Set<number>()
  let warnings = 0

  /** A frame read twice warns once. */
  function note(frame: EntryFrame): EntryFrame {
    if (frame.skipped > 0 && !noted.has(frame.number)) {
      noted.add(frame.number)
      warnings += frame.skipped
    }
    return frame
  }

  async function find(path: BytePath): Promise<IndexedEntry | null> {
    const number = frames.frameOf(path)
    if (number === -1) return null
    const { entries } = note(await frames.frame(number))
    const entry = entries[lowerBound(entries, path)]
    return entry?.bytes === path ? entry : null
  }

  return {
    header: frames.header,
    count: limits.count,
    get warnings() {
      return warnings
    },
    find,
    async *children(directory, after) {
      const prefix = directory === '' ? '' : `${directory}/`
      const end = directory === '' ? null : afterBelow(directory)
      const last = end === null ? frames.count - 1 : frames.frameOf(end)
      // Names met whose content may still come; each begins with the one before it, as `a`, `a-` and `a-b` do.
      const open: BytePath[] = []
      // What lies below an implicit directory is what it was told for.
      const start = after === undefined ? prefix : after.implicit === true ? afterBelow(after.bytes) : `${after.bytes}\0`
      let position = start
      for (let next = Math.max(0, frames.frameOf(position)); next <= last;) {
        for await (const frame of framesFrom(next, last)) {
          const { entries } = note(frame)
          let at = lowerBound(entries, position)
          while (at < entries.length) {
            const entry = entries[at]!
            const { bytes } = entry
            if (end !== null && bytes >= end) return
            const slash = bytes.indexOf('/', prefix.length)
            const child = slash === -1 ? bytes : bytes.slice(0, slash)
            while (open.length > 0 && !child.startsWith(open.at(-1)!)) open.pop()
            if (slash === -1) {
              open.push(child)
              yield entry
              at += 1
            } else {
              const isTold = open.at(-1) === child || (child < start && after !== undefined && (await find(child)) !== null)
              if (!isTold) yield implicitDirectory(child)
              position = afterBelow(child)
              at = lowerBound(entries, position, at)
            }
          }
          next = Math.max(frame.number + 1, frames.frameOf(position))
          if (next > frame.number + 1) break
        }
      }
    },
    async *scan({ below = '', from, reverse = false, signal } = {}) {
      const isWhole = below === '' && from === undefined
      const bottom = below === '' ? '' : `${below}/`
      const start = !reverse && from !== undefined && from > bottom ? from : bottom
      // The first path above what is wanted: nothing lies between a path and itself with a zero byte.
      const ends = [...(below === '' ? [] : [afterBelow(below)]), ...(reverse && from !== undefined ? [`${from}\0`] : [])].sort()
      const end = ends[0] ?? null
      const low = Math.max(0, frames.frameOf(start))
      const high = end === null ? frames.count - 1 : frames.frameOf(end)
      let lineCount = 0
      let contentBytes = 0
      let sizes = 0
      const implicit = isWhole && !reverse ? createImplicitDirectories(limits.count) : null
      if (low <= high) {
        for await (const frame of reverse ? frames.frames(high, low, signal) : frames.frames(low, high, signal)) {
          const { entries } = note(frame)
          lineCount += frame.lineCount
          if (isWhole && lineCount > limits.count) throw damagedIndex(`it has more than ${limits.count} entries`)
          if (isWhole) {
            for (const { size = 0, sparse } of entries) {
              sizes += size
              if (sparse !== true) contentBytes += size
            }
          }
          if (contentBytes > maxContentBytes || sizes > maxSizes) throw damagedIndex(`its files have more than ${maxContentBytes} bytes`)
          implicit?.meet(entries)
          const wanted = entries.slice(lowerBound(entries, start), end === null ? entries.length : lowerBound(entries, end))
          if (wanted.length > 0) yield reverse ? wanted.reverse() : wanted
        }
      }
      if (isWhole && lineCount !== limits.count) throw damagedIndex(`it has ${lineCount} entries of ${limits.count}`)
    },
  }

  /** For who may want the first frame only, and often the same. */
  async function* framesFrom(first: number, last: number): AsyncGenerator<EntryFrame> {
    yield await frames.frame(first)
    if (first < last) yield* frames.frames(first + 1, last)
  }
}

/** The path all those below `directory` come before: "0" follows "/". */
function afterBelow(directory: BytePath): BytePath {
  return `${directory}0`
}

/** The index of the first entry at or after `path`, at least `from`. */
function lowerBound(entries: readonly IndexedEntry[], path: BytePath, from = 0): number {
  let low = from
  let high = entries.length
  while (low < high) {
    const middle = (low + high) >>> 1
    if (entries[middle]!.bytes < path) low = middle + 1
    else high = middle
  }
  return low
}

function implicitDirectory(bytes: BytePath): IndexedEntry {
  const { text, b64 } = pathText(bytes)
  const path = b64 === undefined ? { path: text } : { path: text, path_b64: b64 }
  return { ...path, kind: 'dir', mode: 0o40755, uid: 0, gid: 0, mtime_ns: '0', bytes, implicit: true }
}
