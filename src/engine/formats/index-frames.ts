import { checkShape } from '../../core/check-shape.ts'
import { type IndexHeader, indexHeaderSchema, indexLookupSchema } from '../../core/entry.ts'
import { type BytePath, fromPathText } from '../../lib/byte-path.ts'
import { parseBoundedJson } from '../../lib/bounded-json.ts'
import { compressedBound, decompressFrame, ZstdFrameError } from '../../lib/zstd-frame.ts'
import { decodeSeekTable, seekTableFooterBytes, seekTableSize } from './archive-v1/seek-table.ts'
import { maxEntryFrameBytes, maxSingleFrameBytes } from './entries-index-limits.ts'
import { checkIndexEntry, damagedIndex, type IndexedEntry, isSafePath } from './index-entry.ts'
import type { RangeReader } from './range-reader.ts'

export interface EntryFrame {
  number: number
  entries: IndexedEntry[]
  /** entries, and lines of kinds this version does not know */
  lineCount: number
  /** lines and fields skipped because this version does not know them */
  skipped: number
}

/** The frames of entry lines of an index, numbered from 0, on random access to its plaintext. */
export interface IndexFrames {
  readonly header: IndexHeader
  readonly count: number
  /** The frame that holds `path` if any does: the last one that begins at or before it, else -1. */
  frameOf(path: BytePath): number
  /** One frame, kept a while for those who ask again. */
  frame(frame: number): Promise<EntryFrame>
  /**
   * The frames from `first` to `last`, both included, downwards when `last` is the lower one. Reads ahead more and more, up to 4 MiB at a time, so
   * that a long read takes few requests and a short one few bytes.
   */
  frames(first: number, last: number, signal?: AbortSignal): AsyncGenerator<EntryFrame>
}

/** What is fetched of the end at first: with it comes all of a small index, and the seek table of one of 7 million entries. */
const tailBytes = 64 * 1024
const firstBatchBytes = 64 * 1024
const maxBatchBytes = 4 * 1024 * 1024
const cachedFrames = 4
/** Many times what the mounts and patterns of a source come to. */
const maxHeaderValues = 1_000_000

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/**
 * Reads the seek table, the lookup and the header.
 * @param maxEntries what the manifest promises
 * @throws BastionError artifact_damaged
 */
export async function openIndexFrames(reader: RangeReader, maxEntries: number): Promise<IndexFrames> {
  const indexBytes = reader.sizeBytes
  if (indexBytes < seekTableFooterBytes) throw damagedIndex(`it has ${indexBytes} bytes`)
  const tailStart = Math.max(0, indexBytes - tailBytes)
  const tail = await reader.read(tailStart, indexBytes - tailStart)
  const tableBytes = seekTableSize(tail, indexBytes)
  const { frames: table } = decodeSeekTable(tableBytes <= tail.length ? tail : await reader.read(indexBytes - tableBytes, tableBytes), indexBytes)
  const count = table.count - 2
  if (count < 0 || count > maxEntries) throw damagedIndex(`it has ${table.count} frames for ${maxEntries} entries`)

  for (let frame = 0; frame < table.count; frame++) {
    const maxPlainBytes = frame === 0 || frame === count + 1 ? maxSingleFrameBytes : maxEntryFrameBytes
    // Told by the table before room is made for it.
    if (table.compressedSizeOf(frame) > compressedBound(maxPlainBytes)) throw damagedIndex('it has a frame larger than any that is written')
  }
  const lookup = parseLookup(plainFrame(await readRange(count + 1, count + 1), count + 1, maxSingleFrameBytes), count)
  const header = parseHeader(plainFrame(await readRange(0, 0), 0, maxSingleFrameBytes))
  const cache = new Map<number, Promise<EntryFrame>>()

  /** The stored bytes of frames of the table, from `first` to `last`. */
  async function readRange(first: number, last: number, signal?: AbortSignal): Promise<Uint8Array> {
    const start = table.offsetOf(first)
    const end = table.offsetOf(last) + table.compressedSizeOf(last)
    return start >= tailStart ? tail.subarray(start - tailStart, end - tailStart) : reader.read(start, end - start, signal)
  }

  function plainFrame(stored: Uint8Array, tableFrame: number, maxBytes: number): string {
    try {
      return utf8.decode(decompressFrame(stored, table.plainSizeOf(tableFrame), maxBytes))
    } catch (error) {
      if (error instanceof ZstdFrameError) throw damagedIndex(error.message, error)
      if (error instanceof TypeError) throw damagedIndex('its text is not UTF-8', error)
      throw error
    }
  }

  /** @param stored bytes that hold the frame at `at` */
  function parseEntryFrame(frame: number, stored: Uint8Array, at: number): EntryFrame {
    const bytes = stored.subarray(at, at + table.compressedSizeOf(frame + 1))
    return parseFrame(frame, plainFrame(bytes, frame + 1, maxEntryFrameBytes), lookup[frame]!, lookup[frame + 1])
  }

  async function* readFrames(first: number, last: number, signal?: AbortSignal): AsyncGenerator<EntryFrame> {
    const step = first <= last ? 1 : -1
    const ended = new AbortController()
    const anySignal = signal === undefined ? ended.signal : AbortSignal.any([signal, ended.signal])
    let batchBytes = 0
    let from = first

    const nextBatch = (): { low: number; high: number; stored: Promise<Uint8Array> } | null => {
      if ((last - from) * step < 0) return null
      let to = from
      let sizeBytes = table.compressedSizeOf(to + 1)
      while (to !== last && (sizeBytes += table.compressedSizeOf(to + step + 1)) <= batchBytes) to += step
      const [low, high] = step > 0 ? [from, to] : [to, from]
      from = to + step
      batchBytes = Math.min(Math.max(batchBytes * 4, firstBatchBytes), maxBatchBytes)
      const stored = readRange(low + 1, high + 1, anySignal)
      // Whoever stops reading does not wait for what was read ahead.
      stored.catch(() => undefined)
      return { low, high, stored }
    }

    try {
      for (let batch = nextBatch(); batch !== null;) {
        const { low, high } = batch
        const stored = await batch.stored
        // The first reads are small because they may be all that is wanted; from then on the next comes while this one is worked on.
        const ahead = batchBytes > firstBatchBytes ? nextBatch() : undefined
        const start = table.offsetOf(low + 1)
        for (let frame = step > 0 ? low : high; frame >= low && frame <= high; frame += step) {
          signal?.throwIfAborted()
          yield parseEntryFrame(frame, stored, table.offsetOf(frame + 1) - start)
        }
        batch = ahead === undefined ? nextBatch() : ahead
      }
    } finally {
      ended.abort()
    }
  }

  return {
    header,
    count,
    frameOf: (path) => lastAtOrBefore(lookup, path),
    frames: readFrames,
    frame(frame) {
      const known = cache.get(frame)
      if (known !== undefined) {
        cache.delete(frame)
        cache.set(frame, known)
        return known
      }
      const read = readRange(frame + 1, frame + 1).then((stored) => parseEntryFrame(frame, stored, 0))
      cache.set(frame, read)
      if (cache.size > cachedFrames) cache.delete(cache.keys().next().value!)
      read.catch(() => {
        if (cache.get(frame) === read) cache.delete(frame)
      })
      return read
    },
  }
}

/** @param nextPath where the next frame begins */
function parseFrame(number: number, text: string, firstPath: BytePath, nextPath: BytePath | undefined): EntryFrame {
  const frame: EntryFrame = { number, entries: [], lineCount: 0, skipped: 0 }
  let before: BytePath | null = null
  for (let at = 0; at < text.length;) {
    const end = text.indexOf('\n', at)
    if (end === -1) throw damagedIndex('its last line is cut off')
    const { bytes, entry, unknownFields } = checkIndexEntry(parseLine(text.slice(at, end)))
    if (before === null ? bytes !== firstPath : bytes <= before) throw damagedIndex('its paths are out of order')
    before = bytes
    at = end + 1
    frame.lineCount += 1
    frame.skipped += entry === null ? 1 : unknownFields
    if (entry !== null) frame.entries.push(entry)
  }
  if (before === null) throw damagedIndex('it has an empty frame')
  if (nextPath !== undefined && before >= nextPath) throw damagedIndex('its paths are out of order')
  return frame
}

/** @param count how many paths it must have; each is two values at most */
function parseLookup(text: string, count: number): BytePath[] {
  const parsed = checkShape(indexLookupSchema, parseSingleLine(text, 3 + 2 * count))
  if (!parsed.success) throw damagedIndex('its lookup is not valid', parsed.error)
  if (parsed.data.lookup.length !== count) throw damagedIndex(`its lookup names ${parsed.data.lookup.length} frames of ${count}`)
  const paths = parsed.data.lookup.map((item) => (typeof item === 'string' ? fromPathText(item, undefined) : fromPathText('', item.b64)))
  for (const [index, path] of paths.entries()) {
    if (!isSafePath(path) || (index > 0 && path <= paths[index - 1]!)) throw damagedIndex('its lookup is out of order')
  }
  return paths
}

function parseHeader(text: string): IndexHeader {
  const parsed = checkShape(indexHeaderSchema, parseSingleLine(text, maxHeaderValues))
  if (!parsed.success) throw damagedIndex('its header is not valid', parsed.error)
  return parsed.data
}

function parseSingleLine(text: string, maxValues: number): unknown {
  if (text.indexOf('\n') !== text.length - 1) throw damagedIndex('a line of its own is cut off or not alone')
  return parseLine(text.slice(0, -1), maxValues)
}

/** @param maxValues for a line that can be long */
function parseLine(line: string, maxValues?: number): unknown {
  try {
    return maxValues === undefined ? JSON.parse(line) : parseBoundedJson(line, maxValues)
  } catch (error) {
    throw damagedIndex('a line is not JSON', error)
  }
}

function lastAtOrBefore(sorted: readonly BytePath[], path: BytePath): number {
  let low = 0
  let high = sorted.length
  while (low < high) {
    const middle = (low + high) >>> 1
    if (sorted[middle]! <= path) low = middle + 1
    else high = middle
  }
  return low - 1
}
