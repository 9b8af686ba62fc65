import { Blake3Hasher } from '@napi-rs/blake-hash'
import type { ConsistencyFinding } from '../../core/consistency.ts'
import type { UserNames } from '../../lib/user-names.ts'
import { type TarMember, tarPadding, writeTarHeader } from '../formats/archive-v1/tar-header.ts'
import { entryLine } from '../formats/entry-line.ts'
import { fileIdOf } from '../file-id.ts'
import { metadataOf, permissionBits } from './entry-metadata.ts'
import type { PackedItem, PackItem } from './pack-protocol.ts'
import { gradeOf, mustNotSupersede, notStored, replacedFinding } from './packed-item.ts'
import { openFile, readErrorOf, readFully } from './read-file.ts'

export interface LargeFileContext {
  frameBytes: number
  names: UserNames
  signal: AbortSignal
  takeBuffer(): ArrayBuffer
  /** Hands on the next piece of the member; resolves when there is room for another. */
  piece(buffer: ArrayBuffer, length: number): Promise<void>
}

/**
 * Streams a file larger than a frame as one tar member, a frame at a time. Its size is promised in the header before its bytes are known: what grows is cut at it, what
 * shrinks or cannot be read to its end is filled with zeros, and both are told and graded `torn`.
 * @throws the signal's reason
 */
export async function packLargeFile(item: PackItem, context: LargeFileContext): Promise<PackedItem> {
  const { frameBytes, names, signal } = context
  const file = { path: item.path, physical: item.physical ?? `/${item.path}`, followed: item.followed === true, frozen: item.frozen !== undefined }
  const opened = openFile(file)
  if (!('fd' in opened)) return notStored(item, opened.finding, opened.error)
  using source = opened
  const { before } = source
  const holdsGroup = item.group !== undefined && fileIdOf(before) === item.linkId
  if (mustNotSupersede(item, holdsGroup)) return notStored(item, replacedFinding(item), null)
  const size = Number(before.size)
  const metadata = metadataOf(before, names)
  const member: TarMember = { path: item.path, kind: 'file', sizeBytes: size, mode: Number(before.mode) & permissionBits, ...metadata }
  const hasher = new Blake3Hasher()

  let position = 0
  let readBytes = 0
  let failure: { finding: ConsistencyFinding; error: { code: string; message: string } } | null = null
  for (let first = true; first || position < size; first = false) {
    signal.throwIfAborted()
    const buffer = Buffer.from(context.takeBuffer())
    let end = first ? writeTarHeader(buffer, 0, member) : 0
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
  const grade = gradeOf(item.frozen, finding, size, readBytes)
  const line = entryLine({
    path: item.path,
    kind: 'file',
    sizeBytes: size,
    hash: hasher.digest('hex'),
    mode: Number(before.mode),
    ...metadata,
    ...(holdsGroup ? { hardlinkGroup: item.group! } : {}),
    grade,
    ...(failure === null ? {} : { flags: ['read_error'] }),
    ...(item.supersedes ? { supersedes: true } : {}),
  })
  return { line, skip: 0, kind: 'file', contentBytes: size, grade, retried: false, holdsGroup, finding, error: failure?.error ?? null }
}
