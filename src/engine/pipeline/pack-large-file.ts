import { Blake3Hasher } from '@napi-rs/blake-hash'
import type { ConsistencyFinding } from '../../core/consistency.ts'
import { encodeSparseMap, type TarMember, tarHeaderBound, tarPadding, writeTarHeader } from '../formats/archive-v1/tar-header.ts'
import { entryLine } from '../formats/entry-line.ts'
import { fileFields, findData, memberOf, readXattrs } from './entry-metadata.ts'
import type { PackedItem, PackItem } from './pack-protocol.ts'
import { gradeOf, mustNotSupersede, notStored, packedFile, replacedFinding } from './packed-item.ts'
import { createDataReader } from './read-data.ts'
import { openFile, readErrorOf } from './read-file.ts'
import type { SourceTools } from './source-tools.ts'

export interface LargeFileContext {
  frameBytes: number
  tools: SourceTools
  signal: AbortSignal
  takeBuffer(): ArrayBuffer
  /** Hands on the next piece of the member; resolves when there is room for another. */
  piece(buffer: ArrayBuffer, length: number): Promise<void>
}

export interface LargeFile {
  packed: PackedItem
  /** its index line, still open for its `at`; empty when nothing was stored */
  line: Uint8Array
}

const noLine = new Uint8Array()

/**
 * Streams a file larger than a frame as one tar member, a frame at a time. Its size is promised in the header before its bytes are known: what grows is cut at it, what
 * shrinks or cannot be read to its end is filled with zeros, and both are told and graded `torn`.
 * @throws the signal's reason
 */
export async function packLargeFile(item: PackItem, context: LargeFileContext): Promise<LargeFile> {
  const { frameBytes, tools, signal } = context
  const file = { path: item.path, physical: item.physical ?? `/${item.path}`, followed: item.followed === true, frozen: item.frozen !== undefined }
  const opened = openFile(file, tools.stater)
  if (!('fd' in opened)) return { packed: notStored(item, opened), line: noLine }
  using source = opened
  const { before } = source
  const holdsGroup = item.group !== undefined && before.fileId === item.linkId
  if (mustNotSupersede(item, holdsGroup)) return { packed: notStored(item, { finding: replacedFinding(item) }), line: noLine }
  const { size } = before
  const fields = fileFields(item, before, size, tools)
  const { xattrs, problem } = readXattrs(tools, source.fd, item)
  fields.xattrs = xattrs
  const map = findData(tools, source.fd, before)
  if (map !== null) fields.sparse = { map, realSizeBytes: size }
  const member = memberOf(fields)
  const dataBytes = member.sizeBytes
  const data = createDataReader(source.fd, map ?? [[0, size]])
  const hasher = new Blake3Hasher()
  if (map !== null) hasher.update(encodeSparseMap(map, size))

  let position = 0
  let readBytes = 0
  let failure: { finding: ConsistencyFinding; error: { code: string; message: string } } | null = null
  for (let first = true; first || position < dataBytes; first = false) {
    signal.throwIfAborted()
    const buffer = Buffer.from(first ? roomFor(member, context) : context.takeBuffer())
    let end = first ? writeTarHeader(buffer, 0, member) : 0
    const length = Math.min(dataBytes - position, Math.max(frameBytes - end, 512))
    if (failure === null && readBytes === position) {
      try {
        readBytes += data.read(buffer, end, length)
      } catch (error) {
        failure = readErrorOf(file, error)
      }
    }
    buffer.fill(0, end + Math.max(0, readBytes - position), end + length)
    hasher.update(buffer.subarray(end, end + length))
    end += length
    position += length
    if (position === dataBytes) {
      const padding = tarPadding(dataBytes)
      buffer.fill(0, end, end + padding)
      end += padding
    }
    await context.piece(buffer.buffer, end)
  }

  const foundBytes = size - (dataBytes - readBytes)
  const finding = failure?.finding ?? source.finding(foundBytes)
  fields.hash = hasher.digest('hex')
  fields.grade = gradeOf(item.frozen, finding, size, foundBytes)
  if (holdsGroup) fields.hardlinkGroup = item.group
  if (failure !== null) fields.flags = ['read_error']
  const line = Buffer.from(entryLine(fields))
  const packed = packedFile(fields, 0, line.byteLength, dataBytes)
  if (finding !== null) packed.finding = finding
  const error = failure?.error ?? problem
  if (error !== undefined) packed.error = error
  return { packed, line }
}

/** The map of a sparse file and many attributes can be longer than what a buffer has beyond its frame. */
function roomFor(member: TarMember, { frameBytes, takeBuffer }: LargeFileContext): ArrayBuffer {
  const bytes = tarHeaderBound(member) + 1024
  const buffer = takeBuffer()
  return buffer.byteLength >= bytes ? buffer : new ArrayBuffer(frameBytes + bytes)
}
