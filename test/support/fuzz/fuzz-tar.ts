import { isDeepStrictEqual } from 'node:util'
import type { PaxRecords } from '../../../src/engine/formats/archive-v1/pax-records.ts'
import { blockBytes, blockChecksum, field } from '../../../src/engine/formats/archive-v1/tar-fields.ts'
import type { TarMember } from '../../../src/engine/formats/archive-v1/tar-header.ts'
import { readTarMember, streamTarMembers } from '../../../src/engine/formats/archive-v1/tar-reader.ts'
import { inPieces } from '../age-samples.ts'
import { aTarMember, headerOf, paxRecord } from '../tar.ts'
import { broken, type CaseOutcome, type FuzzReader, outcomeOf, refusalCode, statelessReader } from './fuzz-reader.ts'
import { hostileName, hostileTargets } from './hostile-names.ts'
import { mutateBytes } from './mutate-bytes.ts'
import type { Random } from './random.ts'

const types = ['0', '1', '2', '3', '4', '5', '6', '7', '\0', 'x', 'g', 'L', 'K', 'S', 'D', 'M', 'V', 'N', 'X', '\xff']
const numbers = ['0', '1', '511', '512', '8589934592', '9007199254740992', '99999999999999999999', '-1', '1e9', '0x10', '', ' 7', '1.5', '1\n']
const keywords = [
  'path',
  'linkpath',
  'size',
  'mtime',
  'uid',
  'gid',
  'uname',
  'gname',
  'SCHILY.xattr.user.x',
  'SCHILY.xattr.',
  'comment',
  'hdrcharset',
  '',
]
const sparseKeywords = ['major', 'minor', 'name', 'realsize', 'map', 'numblocks'].map((name) => `GNU.sparse.${name}`)
const tokens = [
  ...types,
  ...numbers,
  ...keywords,
  ...sparseKeywords,
  'ustar\x0000',
  'ustar  \0',
  '\x80',
  '\xff\xff',
  '\n',
  '=',
  '12 path=ab\n',
  '/',
  '../',
]

/** Whole headers a member needs at most: eight extended ones of 1 MiB, or a sparse map. */
const maxHeaderBytes = 10 * 1024 * 1024 + 16 * blockBytes

/** The tar reader: what is read at once and what is read from a stream must be the same, and safe. */
export function openTarReader(): FuzzReader {
  return statelessReader(async (random) => {
    const archive = anArchive(random)
    const atOnce = readAtOnce(archive)
    const streamed = await readStreamed(archive, 1 + random.below(random.pick([3, 700, 5000])), random.chance(0.5))
    // Only a stream knows whether it goes on behind its end.
    const isSame = atOnce.outcome === streamed.outcome || (atOnce.outcome === 'read' && streamed.outcome === 'artifact_damaged')
    const last = atOnce.members.at(-1)
    // A stream asks for a sparse map by guess, and so finds out earlier that its member is cut.
    if (last?.sparse !== undefined && atOnce.outcome !== 'read' && streamed.members.length < atOnce.members.length) atOnce.members.pop()
    if (!isSame || !isDeepStrictEqual(atOnce.members, streamed.members))
      throw broken('a stream says what a buffer says', [atOnce, streamed].map(tellable))
    for (const member of streamed.members) checkMember(member)
    return streamed.outcome
  })
}

interface Reading {
  members: TarMember[]
  outcome: CaseOutcome
}

function readAtOnce(archive: Buffer): Reading {
  const members: TarMember[] = []
  let globals: PaxRecords = new Map()
  try {
    for (let at = 0; ;) {
      const read = readTarMember(archive, at, globals)
      if (read.kind === 'need-more') {
        if (read.atLeastBytes <= archive.length - at) throw broken('no less is asked for than there is', read)
        if (read.atLeastBytes > Math.max(0, archive.length - at) + maxHeaderBytes) throw broken('a header is bounded', read)
        return { members, outcome: 'artifact_damaged' }
      }
      if (read.kind === 'end-of-archive') return { members, outcome: 'read' }
      if (!(read.dataOffset > at && read.nextOffset >= read.dataOffset + read.member.sizeBytes)) throw broken('reading goes forward', { at, ...read })
      members.push(read.member)
      globals = read.globals
      at = read.nextOffset
    }
  } catch (error) {
    return { members, outcome: refusalCode(error) }
  }
}

async function readStreamed(archive: Buffer, pieceBytes: number, taken: boolean): Promise<Reading> {
  const members: TarMember[] = []
  const outcome = await outcomeOf(async () => {
    for await (const { member, data } of streamTarMembers(inPieces(archive, pieceBytes))) {
      members.push(member)
      if (!taken) continue
      let left = member.sizeBytes
      for await (const chunk of data) left -= chunk.length
      if (left !== 0) throw broken('a member has the bytes it says', member.path)
    }
  })
  return { members, outcome }
}

function checkMember({ path, kind, sizeBytes, linkPath, sparse }: TarMember): void {
  const leaves = (name: string): boolean => name.split('/').some((part) => part === '' || part === '.' || part === '..') || name.includes('\0')
  if (kind === 'dir' ? path !== '' && leaves(path) : leaves(path)) throw broken('no name leads out', path)
  if (kind === 'hardlink' && leaves(linkPath ?? '')) throw broken('no hard link leads out', linkPath)
  if (!Number.isSafeInteger(sizeBytes) || sizeBytes < 0) throw broken('a size is a number of bytes', sizeBytes)
  if (sparse === undefined) return
  let end = 0
  for (const [offset, length] of sparse.map) {
    if (offset < end || length <= 0) throw broken('a sparse map ascends', sparse.map.slice(0, 20))
    end = offset + length
  }
  if (end > sparse.realSizeBytes) throw broken('a sparse map stays in its file', sparse.realSizeBytes)
}

function tellable({ members, outcome }: Reading): unknown {
  return { outcome, members: members.map(({ path, kind, sizeBytes }) => [path.slice(0, 80), kind, sizeBytes]) }
}

function anArchive(random: Random): Buffer {
  const pieces: Buffer[] = []
  for (let members = 1 + random.below(4); members > 0; members -= 1) {
    while (random.chance(0.3)) pieces.push(extraHeader(random))
    pieces.push(random.chance(0.15) ? sparseMember(random) : plainMember(random))
  }
  if (random.chance(0.9)) pieces.push(Buffer.alloc(1024))
  const archive = Buffer.concat(pieces)
  if (random.chance(0.2)) return archive
  const mutated = mutateBytes(archive, random, { tokens })
  // Behind the checksum is where the rest of the reader begins.
  return random.chance(0.7) ? resummed(mutated) : mutated
}

function plainMember(random: Random): Buffer {
  const kind = random.pick(['file', 'file', 'file', 'dir', 'symlink', 'hardlink', 'fifo', 'device'] as const)
  const isOdd = random.chance(0.2)
  const sizeBytes = kind === 'file' ? random.pick([0, 1, 511, 512, 513, random.below(3000)]) : 0
  const member = aTarMember({
    path: isOdd ? hostileName(random) : `d/${'n'.repeat(random.below(200))}x`,
    kind,
    sizeBytes: isOdd && random.chance(0.3) ? random.pick([1, 2 ** 33, 2 ** 52, 2 ** 53 - 1]) : sizeBytes,
    mode: random.below(0o10000),
    uid: random.pick([0, 1000, 2 ** 21, 2 ** 32 - 1]),
    mtimeNs: BigInt(random.pick([0, -1, 1, 2 ** 40])) * BigInt(random.pick([1, 1_000_000_000])),
    ...(kind === 'symlink' || kind === 'hardlink' ? { linkPath: isOdd ? hostileName(random, hostileTargets) : 'd/x' } : {}),
    ...(kind === 'device'
      ? { device: { type: random.pick(['block', 'char'] as const), major: random.below(300), minor: random.below(2 ** 32) } }
      : {}),
    ...(random.chance(0.1) ? { xattrs: [['user.x=%', random.bytes(random.below(600))]] } : {}),
    ...(random.chance(0.1) ? { user: 'ü', group: 'g' } : {}),
  })
  return Buffer.concat([headerOfAny(member), padded(Buffer.alloc(sizeBytes, 'x'))])
}

/** A path too long to be written is what the writer refuses itself. */
function headerOfAny(member: TarMember): Buffer {
  return headerOf({
    ...member,
    path: member.path.slice(0, 60_000),
    ...(member.linkPath === undefined ? {} : { linkPath: member.linkPath.slice(0, 60_000) }),
  })
}

function extraHeader(random: Random): Buffer {
  const type = random.pick(['x', 'x', 'x', 'g', 'L', 'K'])
  if (type === 'L' || type === 'K') return special(type, Buffer.from(`${hostileName(random)}${random.pick(['', '\0', '\0rest'])}`, 'latin1'))
  let records = ''
  for (let count = random.below(6); count > 0; count -= 1) {
    const value = random.chance(0.5) ? random.pick(numbers) : hostileName(random).slice(0, 3000)
    records += paxRecord(`${random.pick(random.chance(0.2) ? sparseKeywords : keywords)}=${value}`)
  }
  return special(type, Buffer.from(records, 'latin1'))
}

/** GNU sparse 1.0 with a map that is mostly right. */
function sparseMember(random: Random): Buffer {
  const numbersOfMap: number[] = []
  let at = 0
  let dataBytes = 0
  for (let segments = random.below(4); segments > 0; segments -= 1) {
    at += random.below(3000)
    const length = random.below(700)
    numbersOfMap.push(at, length)
    at += length
    dataBytes += length
  }
  const count = random.chance(0.9) ? numbersOfMap.length / 2 : random.pick([0, 1, 1000, 262_145, 2 ** 40])
  const map = padded(Buffer.from(`${[count, ...numbersOfMap].join('\n')}\n`))
  const records = [
    'major=1',
    'minor=0',
    `name=${random.chance(0.8) ? 'sparse' : hostileName(random).slice(0, 3000)}`,
    `realsize=${random.chance(0.8) ? at + random.below(5000) : random.pick(numbers)}`,
  ]
  const header = special('x', Buffer.from(records.map((each) => paxRecord(`GNU.sparse.${each}`)).join(''), 'latin1'))
  const sizeBytes = random.chance(0.9) ? map.length + dataBytes : random.below(5000)
  return Buffer.concat([header, headerOf(aTarMember({ path: 'GNUSparseFile.0/sparse', sizeBytes })), map, padded(Buffer.alloc(dataBytes, 'x'))])
}

function special(type: string, body: Buffer): Buffer {
  const header = headerOf(aTarMember({ path: 'extended', sizeBytes: body.length }))
  header.write(type, field.type.at, 'latin1')
  return Buffer.concat([resummed(header), padded(body)])
}

function padded(data: Buffer): Buffer {
  return Buffer.concat([data, Buffer.alloc((blockBytes - (data.length % blockBytes)) % blockBytes)])
}

/** The same with a right checksum in every block that looks like a header. */
export function resummed(archive: Buffer): Buffer {
  for (let at = 0; at + blockBytes <= archive.length; at += blockBytes) {
    if (archive.toString('latin1', at + field.magic.at, at + field.magic.at + 5) !== 'ustar') continue
    archive.write(`${blockChecksum(archive, at).toString(8).padStart(6, '0')}\0 `, at + field.checksum.at, 'latin1')
  }
  return archive
}
