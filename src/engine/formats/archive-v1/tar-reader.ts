import { createByteQueue } from './byte-queue.ts'
import type { ByteQueue } from './byte-queue.ts'
import { readPaxRecords } from './pax-records.ts'
import type { PaxRecords } from './pax-records.ts'
import type { TarMember } from './tar-header.ts'
import { blockBytes, blockChecksum, field, isZeroBlock, maxPathBytes, maxPaxBytes, readNumber, tarDamaged, tarPadding } from './tar-fields.ts'
import { readGlobals, readMember } from './tar-member.ts'

/**
 * Reads tar streams of anybody's making: ustar and pax of POSIX.1-2017, of GNU tar base-256 numbers, long names (L, K) and sparse files of format 1.0
 * in pax headers. Refused as damaged, with a message that says so: GNU's own sparse members (S) and other private types, v7 headers without magic,
 * data behind anything but a file, and names that are absolute or contain "..".
 */
export type TarRead = TarMemberRead | TarNeedsMore | TarEnd

export interface TarMemberRead {
  kind: 'member'
  /** shares no memory with the buffer */
  member: TarMember
  /** where its `member.sizeBytes` of data begin; both offsets are in the buffer and can lie beyond its end */
  dataOffset: number
  /** where the next member's header begins */
  nextOffset: number
  /** what global headers said so far; to be handed to the next call */
  globals: PaxRecords
}

export interface TarNeedsMore {
  kind: 'need-more'
  /** to come back with, from the same offset; of a sparse map more than it may need, never more than its member has */
  atLeastBytes: number
}

export interface TarEnd {
  kind: 'end-of-archive'
  /** behind the two zero blocks */
  nextOffset: number
}

/** Two long names, an extended and a global header are the most a sane member has before its own. */
const maxExtraHeaders = 8

/**
 * The member whose first header block stands at `offset`, its extended headers included. Does not look at its data.
 *
 * @param globals of the read before, where global headers may occur
 * @throws BastionError artifact_damaged for anything that is no tar header; nothing else
 */
export function readTarMember(buffer: Uint8Array, offset: number, globals: PaxRecords = new Map()): TarRead {
  const bytes = Buffer.from(buffer.buffer, buffer.byteOffset, buffer.byteLength)
  const records: PaxRecords = new Map()
  let known = globals
  let at = offset
  for (let extraHeaders = 0; extraHeaders <= maxExtraHeaders; extraHeaders += 1) {
    if (at + blockBytes > bytes.length) return needMore(at + blockBytes - offset)
    if (isZeroBlock(bytes, at)) {
      if (extraHeaders > 0) throw tarDamaged('an extended header has no member')
      if (at + 2 * blockBytes > bytes.length) return needMore(2 * blockBytes)
      if (!isZeroBlock(bytes, at + blockBytes)) throw tarDamaged('a zero block stands between members')
      return { kind: 'end-of-archive', nextOffset: at + 2 * blockBytes }
    }
    checkHeader(bytes, at)
    const type = String.fromCharCode(bytes[at + field.type.at] ?? 0)
    if (!'xgLK'.includes(type)) return finish(readMember(bytes, at, { type, records, globals: known }), offset, known)

    const sizeBytes = readNumber(bytes, at, field.size)
    if (sizeBytes > (type === 'x' || type === 'g' ? maxPaxBytes : maxPathBytes + 1)) throw tarDamaged(`an extended header has ${sizeBytes} bytes`)
    const bodyAt = at + blockBytes
    at = bodyAt + sizeBytes + tarPadding(sizeBytes)
    if (at > bytes.length) return needMore(at - offset)
    const body = bytes.subarray(bodyAt, bodyAt + sizeBytes)
    if (type === 'x') readPaxRecords(body, records)
    else if (type === 'g') known = readGlobals(body, known)
    else readLongName(body, type === 'L' ? 'path' : 'linkpath', records)
  }
  throw tarDamaged(`a member has more than ${maxExtraHeaders} extended headers`)
}

function finish(read: ReturnType<typeof readMember>, offset: number, globals: PaxRecords): TarRead {
  if ('atLeastEnd' in read) return needMore(read.atLeastEnd - offset)
  const { member, dataOffset } = read
  const nextOffset = dataOffset + member.sizeBytes + tarPadding(member.sizeBytes)
  if (!Number.isSafeInteger(nextOffset)) throw tarDamaged('a member is larger than can be counted')
  return { kind: 'member', member, dataOffset, nextOffset, globals }
}

function needMore(atLeastBytes: number): TarNeedsMore {
  return { kind: 'need-more', atLeastBytes }
}

function checkHeader(bytes: Buffer, at: number): void {
  if (readNumber(bytes, at, field.checksum) !== blockChecksum(bytes, at)) throw tarDamaged('a header does not match its checksum')
  if (bytes.toString('latin1', at + field.magic.at, at + field.magic.at + 5) !== 'ustar') throw tarDamaged('a header is not of the ustar format')
}

/** GNU's way to say a long name; a pax record of the same member wins, whatever the order. */
function readLongName(body: Buffer, key: 'path' | 'linkpath', records: PaxRecords): void {
  const end = body.indexOf(0)
  if (!records.has(key)) records.set(key, end < 0 ? body : body.subarray(0, end))
}

export interface StreamedTarMember {
  member: TarMember
  /** of the member's first header block in the stream */
  offset: number
  /** Its `member.sizeBytes` of data, once; what is not taken is skipped when the next member is asked for. Chunks are views into the source's. */
  data: AsyncIterable<Uint8Array>
}

/**
 * The members of a whole tar stream in order. Memory is bounded by the longest header (about 10 MiB for the map of a hostile sparse file, else 1 MiB)
 * and one chunk of the source. Behind the end of the archive the source may only have zeros, and is read to its own end.
 *
 * @throws BastionError artifact_damaged for what is malformed or cut short; errors of the source pass through
 */
export async function* streamTarMembers(source: AsyncIterable<Uint8Array>): AsyncGenerator<StreamedTarMember, void, void> {
  const queue = createByteQueue(source)
  let globals: PaxRecords = new Map()
  try {
    for (;;) {
      const offset = queue.position
      const read = await readNext(queue, globals)
      if (read.kind === 'end-of-archive') {
        await queue.skip(read.nextOffset)
        return await expectZeros(queue)
      }
      globals = read.globals
      await queue.skip(read.dataOffset)
      const data = memberData(queue, read.member.sizeBytes)
      yield { member: read.member, offset, data: data.chunks }
      if (!(await queue.skip(data.end() + (read.nextOffset - read.dataOffset - read.member.sizeBytes)))) throw cutShort()
    }
  } finally {
    await queue.close()
  }
}

async function readNext(queue: ByteQueue, globals: PaxRecords): Promise<TarMemberRead | TarEnd> {
  let bytes = await queue.peek(blockBytes)
  for (;;) {
    const read = readTarMember(bytes, 0, globals)
    if (read.kind !== 'need-more') return read
    bytes = await queue.peek(read.atLeastBytes)
    if (bytes.length < read.atLeastBytes) throw cutShort()
  }
}

/** The data of one member; `end` closes it and tells how much of it was not taken. */
function memberData(queue: ByteQueue, sizeBytes: number): { chunks: AsyncIterable<Uint8Array>; end(): number } {
  let left = sizeBytes
  let isOpen = true
  async function* chunks(): AsyncGenerator<Uint8Array, void, void> {
    while (left > 0) {
      if (!isOpen) throw new Error('the data of a tar member was read after the next member was asked for')
      const chunk = await queue.take(left)
      if (chunk === undefined) throw cutShort()
      left -= chunk.length
      yield chunk
    }
  }
  return {
    chunks: chunks(),
    end() {
      isOpen = false
      return left
    },
  }
}

async function expectZeros(queue: ByteQueue): Promise<void> {
  for (let chunk = await queue.take(65_536); chunk !== undefined; chunk = await queue.take(65_536)) {
    if (chunk.some((byte) => byte !== 0)) throw tarDamaged('something follows the end of the archive')
  }
}

function cutShort(): Error {
  return tarDamaged('the end is missing')
}
