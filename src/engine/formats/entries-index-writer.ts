import type { IndexHeader, IndexLookup } from '../../core/entry.ts'
import { type BytePath, fromPathText, pathText } from '../../lib/byte-path.ts'
import { compressFrame, decompressFrame } from '../../lib/zstd-frame.ts'
import { createSeekTable } from './archive-v1/seek-table.ts'
import { lineEnd, type MemberPlace } from './entry-line.ts'
import { maxEntryFrameBytes, maxSingleFrameBytes } from './entries-index-limits.ts'
import { createFrameSpill } from './frame-spill.ts'

/** Builds an entries index while the payload is packed. Memory is bounded, whatever the number of entries. */
export interface IndexWriter extends AsyncDisposable {
  /** Lines added; once what `finish` gave was read to its end, lines stored. */
  readonly count: number
  /**
   * @param path above every path added before, in byte order
   * @param open an open line (`entryLine`) in UTF-8, copied here; its `path` is `path`
   * @throws Error otherwise, and when the line is longer than 1 MiB: that is our bug
   */
  add(path: BytePath, open: Uint8Array, at: MemberPlace): void
  /** The lines added so far, in order or the last one first. Nothing may be added while it is read. */
  scan(options?: { reverse?: boolean }): Generator<string>
  /**
   * The index as it is stored, before age. Ends the adding; can be read more than once, the same each time.
   * @param replacements lines to stand in place of those added for the same paths; null leaves the path out
   * @throws Error for a replacement of what was never added
   */
  finish(header: IndexHeader, replacements: ReadonlyMap<BytePath, string | null>): AsyncIterable<Uint8Array>
}

const newline = '\n'

/**
 * @param options.spillDirectory where compressed lines go when they outgrow the memory limit; encrypted, and gone with the process
 * @param options.frameBytes of lines in a frame
 */
export function createIndexWriter(options: { spillDirectory: string; memoryLimitBytes?: number; frameBytes?: number; level?: number }): IndexWriter {
  const { spillDirectory, memoryLimitBytes = 32 * 1024 * 1024, frameBytes = 256 * 1024, level = 3 } = options
  if (!(frameBytes > 0 && frameBytes <= maxEntryFrameBytes)) throw new RangeError(`frames of ${frameBytes} bytes cannot be read back`)
  const spill = createFrameSpill({ directory: spillDirectory, memoryLimitBytes })
  const firstPaths: BytePath[] = []
  const plainSizes: number[] = []
  let added = 0
  let count = 0
  let lastPath: BytePath | null = null
  let frame = Buffer.allocUnsafeSlow(frameBytes)
  let frameEnd = 0
  let finished = false

  function closeFrame(): void {
    if (frameEnd === 0) return
    plainSizes.push(frameEnd)
    spill.add(compressFrame(frame.subarray(0, frameEnd), level))
    frameEnd = 0
  }

  function linesOf(number: number): string[] {
    return linesIn(decompressFrame(spill.read(number), plainSizes[number]!, maxEntryFrameBytes))
  }

  function* linesWithReplacements(number: number, paths: readonly BytePath[], replacements: ReadonlyMap<BytePath, string | null>) {
    const missing = new Set(paths)
    for (const line of linesOf(number)) {
      const path = pathOf(line)
      if (!missing.delete(path)) {
        yield { path, line }
        continue
      }
      const replacement = replacements.get(path) ?? null
      if (replacement === null) continue
      checkLine(path, replacement)
      if (pathOf(replacement) !== path) throw new Error(`the replacement of the index line of ${path} has another path`)
      yield { path, line: replacement }
    }
    for (const path of missing) throw new Error(`an index line of ${path} is to be replaced, but there is none`)
  }

  return {
    get count() {
      return count
    },
    add(path, open, at) {
      if (finished) throw new Error('the entries index is finished')
      if (lastPath !== null && path <= lastPath) throw new Error(`index lines are out of order: ${path} after ${lastPath}`)
      const end = `${lineEnd(at)}${newline}`
      const sizeBytes = checkSize(path, open.length + end.length)
      if (frameEnd + sizeBytes > frameBytes) closeFrame()
      if (frameEnd === 0) firstPaths.push(path)
      if (sizeBytes > frame.length) frame = Buffer.allocUnsafeSlow(sizeBytes)
      frame.set(open, frameEnd)
      frameEnd += open.length + frame.write(end, frameEnd + open.length, 'latin1')
      lastPath = path
      count = added += 1
    },
    *scan({ reverse = false } = {}) {
      const open = frameEnd > 0 ? linesIn(frame.subarray(0, frameEnd)) : []
      if (reverse) yield* open.toReversed()
      for (let i = 0; i < spill.count; i++) {
        if (reverse) yield* linesOf(spill.count - 1 - i).toReversed()
        else yield* linesOf(i)
      }
      if (!reverse) yield* open
    },
    finish(header, replacements) {
      if (finished) throw new Error('the entries index is finished')
      finished = true
      closeFrame()
      return { [Symbol.asyncIterator]: () => stored(header, replacements) }
    },
    [Symbol.asyncDispose]() {
      spill[Symbol.dispose]()
      finished = true
      return Promise.resolve()
    },
  }

  async function* stored(header: IndexHeader, replacements: ReadonlyMap<BytePath, string | null>): AsyncGenerator<Uint8Array> {
    const table = createSeekTable()
    const lookup: IndexLookup['lookup'] = []
    const framed = (plainSize: number, compressed: Uint8Array): Uint8Array => {
      table.add(compressed.length, plainSize)
      return compressed
    }
    const single = (value: unknown): Uint8Array => {
      const plain = plainFrame([JSON.stringify(value)])
      if (plain.length > maxSingleFrameBytes) throw new Error(`a line of ${plain.length} bytes cannot be read back`)
      return framed(plain.length, compressFrame(plain, level))
    }

    yield single(header)
    const replaced = [...replacements.keys()].sort()
    let next = 0
    for (let number = 0; number < spill.count; number++) {
      const end = firstPaths[number + 1]
      const from = next
      while (next < replaced.length && (end === undefined || replaced[next]! < end)) next += 1
      if (from === next) {
        lookup.push(lookupItem(firstPaths[number]!))
        yield framed(plainSizes[number]!, spill.read(number))
        continue
      }
      const replacedLines = linesWithReplacements(number, replaced.slice(from, next), replacements)
      for (const part of inFrames(replacedLines, frameBytes)) {
        lookup.push(lookupItem(part.firstPath))
        yield framed(part.plain.length, compressFrame(part.plain, level))
      }
    }
    if (next < replaced.length) throw new Error(`an index line of ${replaced[next]!} is to be replaced, but there is none`)
    yield single({ lookup } satisfies IndexLookup)
    yield table.encode()
    count = added - [...replacements.values()].filter((line) => line === null).length
  }
}

/** Replacements can be longer than what they replace, so a frame may become two. */
function* inFrames(lines: Iterable<{ path: BytePath; line: string }>, frameBytes: number): Generator<{ firstPath: BytePath; plain: Buffer }> {
  let firstPath: BytePath = ''
  let frame: string[] = []
  let sizeBytes = 0
  for (const { path, line } of lines) {
    const lineBytes = Buffer.byteLength(line) + 1
    if (frame.length > 0 && sizeBytes + lineBytes > frameBytes) {
      yield { firstPath, plain: plainFrame(frame) }
      frame = []
      sizeBytes = 0
    }
    if (frame.length === 0) firstPath = path
    frame.push(line)
    sizeBytes += lineBytes
  }
  if (frame.length > 0) yield { firstPath, plain: plainFrame(frame) }
}

/** Bytes the line takes, its newline included. */
function checkLine(path: BytePath, line: string): number {
  return checkSize(path, Buffer.byteLength(line) + 1)
}

function checkSize(path: BytePath, sizeBytes: number): number {
  if (sizeBytes > maxEntryFrameBytes) throw new Error(`the index line of ${path} has ${sizeBytes} bytes, and could not be read back`)
  return sizeBytes
}

function plainFrame(lines: readonly string[]): Buffer {
  return Buffer.from(lines.join(newline) + newline, 'utf8')
}

function linesIn(plain: Uint8Array): string[] {
  return Buffer.from(plain.buffer, plain.byteOffset, plain.byteLength - 1)
    .toString('utf8')
    .split(newline)
}

function pathOf(line: string): BytePath {
  const { path, path_b64: b64 } = JSON.parse(line) as { path: string; path_b64?: string }
  return fromPathText(path, b64)
}

function lookupItem(path: BytePath): IndexLookup['lookup'][number] {
  const { text, b64 } = pathText(path)
  return b64 === undefined ? text : { b64 }
}
