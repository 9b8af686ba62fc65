import { Blake3Hasher } from '@napi-rs/blake-hash'
import type { ConsistencyFinding } from '../../core/consistency.ts'
import type { FileStater } from '../../lib/file-stat.ts'
import type { UserNames } from '../../lib/user-names.ts'
import { tarPadding, writeTarHeader } from '../formats/archive-v1/tar-header.ts'
import { entryLine } from '../formats/entry-line.ts'
import { fileFields } from './entry-metadata.ts'
import type { PackedItem, PackItem } from './pack-protocol.ts'
import { gradeOf, mustNotSupersede, notStored, packedFile, replacedFinding } from './packed-item.ts'
import { openFile, readErrorOf, readFully } from './read-file.ts'

export interface LargeFileContext {
  frameBytes: number
  names: UserNames
  stater: FileStater
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
  const { frameBytes, names, stater, signal } = context
  const file = { path: item.path, physical: item.physical ?? `/${item.path}`, followed: item.followed === true, frozen: item.frozen === true }
  const opened = openFile(file, stater)
  if (!('fd' in opened)) return { packed: notStored(item, opened), line: noLine }
  using source = opened
  const { before } = source
  const holdsGroup = item.group !== undefined && before.fileId === item.linkId
  if (mustNotSupersede(item, holdsGroup)) return { packed: notStored(item, { finding: replacedFinding(item) }), line: noLine }
  const { size } = before
  const fields = fileFields(item, before, size, names)
  const hasher = new Blake3Hasher()

  let position = 0
  let readBytes = 0
  let failure: { finding: ConsistencyFinding; error: { code: string; message: string } } | null = null
  for (let first = true; first || position < size; first = false) {
    signal.throwIfAborted()
    const buffer = Buffer.from(context.takeBuffer())
    let end = first ? writeTarHeader(buffer, 0, fields) : 0
    const length = Math.min(size - position, Math.max(frameBytes - end, 512))
    if (failure === null && readBytes === position) {
      try {
        readBytes += readFully(source.fd, buffer, end, length, position)
      } catch (error) {
        if (file.frozen) throw error
        failure = readErrorOf(file, error)
      }
    }
    buffer.fill(0, end + Math.max(0, readBytes - position), end + length)
    hasher.update(buffer.subarray(end, end + length))
    end += length
    position += length
    if (position === size) {
      const padding = tarPadding(size)
      buffer.fill(0, end, end + padding)
      end += padding
    }
    await context.piece(buffer.buffer, end)
  }

  const finding = failure?.finding ?? source.finding(readBytes)
  fields.hash = hasher.digest('hex')
  fields.grade = gradeOf(file.frozen, finding, size, readBytes)
  if (holdsGroup) fields.hardlinkGroup = item.group
  if (failure !== null) fields.flags = ['read_error']
  const line = Buffer.from(entryLine(fields))
  const packed = packedFile(fields, 0, line.byteLength)
  if (finding !== null) packed.finding = finding
  if (failure !== null) packed.error = failure.error
  return { packed, line }
}
