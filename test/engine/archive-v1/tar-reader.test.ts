import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { BastionError } from '../../../src/core/errors.ts'
import { blockChecksum } from '../../../src/engine/formats/archive-v1/tar-fields.ts'
import { type TarMember, tarHeaderBound, writeTarHeader } from '../../../src/engine/formats/archive-v1/tar-header.ts'
import { readTarMember, streamTarMembers } from '../../../src/engine/formats/archive-v1/tar-reader.ts'
import { toBytePath } from '../../../src/lib/byte-path.ts'
import { scale } from '../../support/scale.ts'
import { seededRandom } from '../../support/seed.ts'
import { aTarMember, headerOf, pathOfLength, paxRecord, tarOf, type TarSample } from '../../support/tar.ts'

const part = fc.string({
  unit: fc
    .integer({ min: 1, max: 255 })
    .filter((byte) => byte !== 47)
    .map((byte) => String.fromCharCode(byte)),
  minLength: 1,
  maxLength: 120,
})
const bytePath = fc
  .array(
    part.filter((name) => name !== '.' && name !== '..'),
    { minLength: 1, maxLength: 6 },
  )
  .map((parts) => parts.join('/'))
const anyText = fc.string({ unit: 'grapheme', minLength: 1, maxLength: 40 }).filter((name) => !name.includes('\0'))
const anyId = fc.oneof(fc.nat(70_000), fc.integer({ min: 0, max: 0xffff_ffff }))
const anyTime = fc.oneof(
  fc.bigInt({ min: 0n, max: 9_223_372_036n }).map((seconds) => seconds * 1_000_000_000n),
  fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
)
const xattrs = fc.uniqueArray(fc.tuple(anyText, fc.uint8Array({ maxLength: 300 })), { minLength: 1, maxLength: 4, selector: ([name]) => name })
const sparse = fc
  .tuple(fc.array(fc.tuple(fc.nat(100_000), fc.integer({ min: 1, max: 5000 })), { maxLength: 60 }), fc.nat(1_000_000))
  .map(([gaps, hole]) => {
    let end = 0
    const map = gaps.map(([gap, length]): [number, number] => [(end += gap + length) - length, length])
    return { map, realSizeBytes: end + hole }
  })

const common = fc.record(
  { mode: fc.nat(0o7777), uid: anyId, gid: anyId, mtimeNs: anyTime, path: bytePath, user: anyText, group: anyText, xattrs },
  { requiredKeys: ['mode', 'uid', 'gid', 'mtimeNs', 'path'] },
)
const sizes = fc.oneof(fc.nat(2000), fc.integer({ min: 0, max: 2 ** 52 }))
const member: fc.Arbitrary<TarMember> = fc
  .tuple(
    common,
    fc.oneof(
      sizes.map((sizeBytes) => ({ kind: 'file' as const, sizeBytes })),
      sparse.map((map) => ({ kind: 'file' as const, sizeBytes: map.map.reduce((sum, [, length]) => sum + length, 0), sparse: map })),
      fc.constantFrom('dir' as const, 'fifo' as const).map((kind) => ({ kind, sizeBytes: 0 })),
      fc.tuple(fc.constantFrom('symlink' as const, 'hardlink' as const), bytePath).map(([kind, linkPath]) => ({ kind, linkPath, sizeBytes: 0 })),
      fc
        .record({ type: fc.constantFrom('block' as const, 'char' as const), major: anyId, minor: anyId })
        .map((device) => ({ kind: 'device' as const, device, sizeBytes: 0 })),
    ),
  )
  .map(([shared, own]) => ({ ...shared, ...own }))

describe('what was written is read', () => {
  test('as the same member, whatever it is, wherever it stands in a buffer', () => {
    fc.assert(
      fc.property(member, fc.nat(2000), (each, offset) => {
        const into = Buffer.alloc(offset + tarHeaderBound(each), 0xee)
        const end = writeTarHeader(into, offset, each)
        const read = readTarMember(into, offset)
        expect(read).toMatchObject({ kind: 'member', dataOffset: end, nextOffset: end + Math.ceil(each.sizeBytes / 512) * 512 })
        expect(read.kind === 'member' && read.member).toEqual(each)
      }),
      { numRuns: scale(500, 50_000) },
    )
  })

  test('or more of it is asked for, and never more than there is', () => {
    fc.assert(
      fc.property(member, fc.nat(), (each, cut) => {
        const header = headerOf(each)
        const there = header.subarray(0, cut % header.length)
        const read = readTarMember(there, 0)
        expect(read.kind).toBe('need-more')
        if (read.kind === 'need-more') expect(read.atLeastBytes).toBeGreaterThan(there.length)
        if (read.kind === 'need-more') expect(read.atLeastBytes).toBeLessThanOrEqual(header.length + (each.sparse === undefined ? 0 : each.sizeBytes))
      }),
      { numRuns: scale(300, 20_000) },
    )
  })

  test('from a stream cut into any chunks, with its data, taken or not', async () => {
    const small = member.filter((each) => each.sizeBytes <= 400_000)
    await fc.assert(
      fc.asyncProperty(
        fc.array(small, { maxLength: 6 }),
        fc.integer({ min: 1, max: 3000 }),
        fc.infiniteStream(fc.nat(3)),
        async (members, chunkBytes, choices) => {
          const random = seededRandom(chunkBytes)
          const samples = members.map((each): TarSample => ({ member: each, data: Buffer.alloc(each.sizeBytes, Math.floor(random() * 256)) }))
          const seen: TarMember[] = []
          for await (const { member: each, data } of streamTarMembers(chunksOf(tarOf(samples), chunkBytes))) {
            const choice = choices.next().value
            if (choice > 0) {
              const chunks: Uint8Array[] = []
              for await (const chunk of data) {
                chunks.push(chunk)
                if (choice === 1) break
              }
              if (choice > 1) expect(Buffer.concat(chunks).equals(samples[seen.length]?.data ?? Buffer.alloc(0))).toBe(true)
            }
            seen.push(each)
          }
          expect(seen).toEqual(members)
        },
      ),
      { numRuns: scale(60, 2000) },
    )
  })

  test('and shares no memory with the buffer', () => {
    const header = Buffer.from(headerOf(aTarMember({ path: pathOfLength(120), xattrs: [['user.x', Buffer.from('value')]] })))
    const read = readTarMember(header, 0)
    const before = structuredClone(read)
    header.fill(0xff)
    expect(read).toEqual(before)
  })
})

describe('the reader', () => {
  test('takes the root directory for the empty path, and "./" off the others', () => {
    expect(pathsOf(tarOf([{ member: aTarMember({ path: '', kind: 'dir' }) }, { member: aTarMember({ path: './a' }) }]))).toEqual(['', 'a'])
  })

  test('follows a global header until another replaces it, and a member before both', () => {
    const archive = Buffer.concat([
      special('g', paxRecord('uname=all') + paxRecord('comment=text')),
      headerOf(aTarMember({ path: 'a', user: 'one' })),
      special('x', paxRecord('uname=mine')),
      headerOf(aTarMember({ path: 'b' })),
      special('g', paxRecord('uname=')),
      headerOf(aTarMember({ path: 'c' })),
    ])
    let globals = new Map<string, Buffer>()
    const users: Array<string | undefined> = []
    for (let at = 0; at < archive.length;) {
      const read = readTarMember(archive, at, globals)
      if (read.kind !== 'member') throw new Error(read.kind)
      users.push(read.member.user)
      at = read.nextOffset
      globals = read.globals
    }
    expect(users).toEqual(['all', 'mine', undefined])
  })

  test('reads old long names and base-256 numbers', () => {
    const plain = headerOf(aTarMember({ path: 'short', kind: 'symlink', linkPath: 'short' }))
    plain.fill(0, 136, 148)
    plain.fill(0xff, 136, 148)
    const archive = Buffer.concat([special('K', `${'k'.repeat(150)}\0`), special('L', `${'l'.repeat(200)}\0`), resummed(plain)])
    const read = readTarMember(archive, 0)
    expect(read).toMatchObject({ member: { path: 'l'.repeat(200), linkPath: 'k'.repeat(150), mtimeNs: -1_000_000_000n } })
  })

  test('cuts what is finer than a nanosecond and takes UTF-8 for names of users', () => {
    const archive = Buffer.concat([special('x', paxRecord('mtime=1763690000.1234567899999')), headerOf(aTarMember({ user: 'ü' }))])
    expect(readTarMember(archive, 0)).toMatchObject({ member: { mtimeNs: 1_763_690_000_123_456_789n, user: 'ü' } })
  })

  test('ends at two zero blocks and nowhere else', async () => {
    expect(readTarMember(Buffer.alloc(1024), 0)).toEqual({ kind: 'end-of-archive', nextOffset: 1024 })
    expect(readTarMember(Buffer.alloc(1023), 0)).toEqual({ kind: 'need-more', atLeastBytes: 1024 })
    expect(readTarMember(Buffer.alloc(0), 0)).toEqual({ kind: 'need-more', atLeastBytes: 512 })
    const archive = tarOf([{ member: aTarMember({ sizeBytes: 700 }), data: Buffer.alloc(700) }])
    for (const bad of [
      Buffer.alloc(0),
      archive.subarray(0, -1),
      archive.subarray(0, -512),
      archive.subarray(0, -1024),
      archive.subarray(0, 900),
      archive.subarray(0, 300),
      Buffer.concat([archive, Buffer.from('x')]),
      Buffer.concat([archive.subarray(0, -512), archive]),
    ]) {
      expect(await streamError(bad)).toBe('artifact_damaged')
    }
    expect(await streamError(Buffer.concat([archive, Buffer.alloc(10_240)]))).toBe('none')
  })

  test('gives the data of a member only until the next is asked for', async () => {
    const two = tarOf(['a', 'b'].map((path) => ({ member: aTarMember({ path, sizeBytes: 5000 }), data: Buffer.alloc(5000) })))
    const members = streamTarMembers(chunksOf(two, 100))
    const first = (await members.next()).value
    await members.next()
    await expect(async () => {
      for await (const chunk of first?.data ?? []) expect(chunk).toBeUndefined()
    }).rejects.toThrow('after the next member')
    await members.return()
  })

  test('lets go of its source however it ends, and passes its errors through', async () => {
    const archive = tarOf([{ member: aTarMember() }])
    for (const [bytes, stopEarly] of [
      [archive, false],
      [archive, true],
      [Buffer.alloc(512, 'x'), false],
    ] as const) {
      let isClosed = false
      async function* source(): AsyncGenerator<Uint8Array> {
        try {
          for (;;) yield* chunksOf(bytes, 512)
        } finally {
          isClosed = true
        }
      }
      try {
        for await (const each of streamTarMembers(source())) if (stopEarly && each.offset === 0) break
      } catch (error) {
        expect(error).toBeInstanceOf(BastionError)
      }
      expect(isClosed).toBe(true)
    }
    async function* failing(): AsyncGenerator<Uint8Array> {
      yield archive.subarray(0, 100)
      throw new TypeError('lost')
    }
    await expect(collect(streamTarMembers(failing()))).rejects.toThrow(TypeError)
  })
})

describe('a damaged or hostile header is refused:', () => {
  const plain = headerOf(aTarMember({ path: 'name' }))
  const sparseHeader = ['major=1', 'minor=0', 'name=name', 'realsize=100000'].map((each) => paxRecord(`GNU.sparse.${each}`)).join('')

  function sparseMember(map: string, sizeBytes: number): Buffer {
    return Buffer.concat([special('x', sparseHeader), headerOf(aTarMember({ sizeBytes })), padded(map)])
  }

  test.each<[string, Buffer]>([
    ['a wrong checksum', edited(plain, (block) => block.write('X', 0), false)],
    ['no magic', edited(plain, (block) => block.fill(0, 257, 263))],
    ['an unknown type', edited(plain, (block) => block.write('S', 156))],
    ['a number that is none', edited(plain, (block) => block.write('12x4567', 100))],
    ['a number in an unknown notation', edited(plain, (block) => block.fill(0x90, 124, 136))],
    ['a negative size', edited(plain, (block) => block.fill(0xff, 124, 136))],
    ['a size beyond 2^53', edited(plain, (block) => block.fill(0x80, 124, 136))],
    ['a user id beyond 32 bits', edited(plain, (block) => block.write('8001000000000000', 108, 'hex'))],
    ['a time beyond 64 bits', edited(plain, (block) => block.write('8000ffffffffffffffffffff', 136, 'hex'))],
    ['a directory with data', headerWithSize(aTarMember({ kind: 'dir' }))],
    ['a symlink with data', headerWithSize(aTarMember({ kind: 'symlink', linkPath: 'x' }))],
    ['a hard link with data', headerWithSize(aTarMember({ kind: 'hardlink', linkPath: 'x' }))],
    ['a symlink to nothing', headerOf(aTarMember({ kind: 'symlink' }))],
    ...['', '/etc/passwd', '..', '../x', 'a/../x', 'a/..', 'a//b', 'a/./b', '.', 'a/', './/a'].map((path): [string, Buffer] => [
      `a file called "${path}"`,
      headerOf(aTarMember({ path })),
    ]),
    ...['/', '..', 'a/..', '/a'].map((path): [string, Buffer] => [`a directory called "${path}"`, headerOf(aTarMember({ path, kind: 'dir' }))]),
    ...['/a', '../a', ''].map((linkPath): [string, Buffer] => [`a hard link to "${linkPath}"`, headerOf(aTarMember({ kind: 'hardlink', linkPath }))]),
    ['a zero byte in a path', Buffer.concat([special('x', paxRecord('path=a\0b')), plain])],
    ['an extended header without a member', Buffer.concat([special('x', paxRecord('path=a')), Buffer.alloc(1024)])],
    ['an extended header above 1 MiB', edited(special('x', ''), (block) => block.write('00004000001', 124))],
    ['an extended header of 2^50 bytes', edited(special('x', ''), (block) => block.write('800000000004000000000000', 124, 'hex'))],
    ['a long name above 64 KiB', edited(special('L', ''), (block) => block.write('00000200002', 124))],
    ['a chain of extended headers', Buffer.concat([...Array.from({ length: 9 }, () => special('x', paxRecord('path=a'))), plain])],
    ...[
      'path=a\n',
      ' path=a\n',
      '9path=a\n',
      '8 path=a\n',
      '11 path=a\n',
      '0 path=a\n',
      '6 =ab\n',
      '7 path\n',
      '9 path=ab',
      '99999999999 path=a\n',
      '-9 path=a\n',
    ].map((record): [string, Buffer] => [`the record ${JSON.stringify(record)}`, Buffer.concat([special('x', record), plain])]),
    ...[
      'mtime=abc',
      'mtime=',
      'mtime=1e9',
      'mtime=0x1',
      'mtime=9999999999999999999',
      'mtime=.5',
      'mtime=--1',
      'size=-1',
      'size=1.5',
      'size=',
      'size=9007199254740993',
      'size=99999999999999999999',
      'uid=4294967296',
      'uid=x',
      'path=',
      'path=/x',
      'path=a/../b',
      'GNU.sparse.major=1',
      'GNU.sparse.major=0',
      'GNU.sparse.map=0,1',
      'GNU.sparse.numblocks=1',
    ].map((record): [string, Buffer] => [`"${record}"`, Buffer.concat([special('x', paxRecord(record)), plain])]),
    ...['path=x', 'linkpath=x', 'size=1', 'SCHILY.xattr.user.x=1', 'GNU.sparse.major=1'].map((record): [string, Buffer] => [
      `"${record}" for all members`,
      Buffer.concat([special('g', paxRecord(record)), plain]),
    ]),
    ['a sparse map that is no number', sparseMember('x\n', 512)],
    ['a sparse map without its end', sparseMember('2\n0\n', 512)],
    ['a sparse map that stops in a number', sparseMember('1'.repeat(512), 512)],
    ['a sparse map with an empty line', sparseMember('1\n\n5\n', 1024)],
    ['a sparse map that goes back', sparseMember('2\n512\n512\n0\n512\n', 512 + 1024)],
    ['a sparse map that leaves the file', sparseMember('1\n99999\n2\n', 512 + 2)],
    ['a sparse map with other data', sparseMember('1\n0\n2\n', 512 + 3)],
    ['a sparse map larger than its member', sparseMember('1\n0\n2\n', 10)],
    ['a sparse map of 10^15 segments', sparseMember('1000000000000000\n', 2 ** 40)],
    ['a sparse map of endless zeros', sparseMember('0'.repeat(2000), 2 ** 40)],
    ['a sparse directory', Buffer.concat([special('x', sparseHeader), headerOf(aTarMember({ kind: 'dir' }))])],
  ])('%s', (_, bytes) => {
    expect(readError(bytes)).toBe('artifact_damaged')
  })

  test('and a sparse map fed in small pieces is not parsed over and over', async () => {
    const map = Array.from({ length: 50_000 }, (_, i): [number, number] => [i * 2, 1])
    const archive = tarOf([{ member: aTarMember({ sizeBytes: 50_000, sparse: { map, realSizeBytes: 100_000 } }), data: Buffer.alloc(50_000) }])
    const [only] = await collect(streamTarMembers(chunksOf(archive, 10)))
    expect(only?.member.sparse?.map.length).toBe(50_000)
  })

  test('however it was mutated, and never with another error', async () => {
    const archive = tarOf([
      {
        member: aTarMember({ path: toBytePath('a/é'), sizeBytes: 3, mtimeNs: -1n, user: 'app', xattrs: [['user.x', Buffer.from('value')]] }),
        data: Buffer.from('abc'),
      },
      { member: aTarMember({ path: 'dir', kind: 'dir' }) },
      {
        member: aTarMember({
          path: 'sparse',
          sizeBytes: 600,
          sparse: {
            map: [
              [4096, 300],
              [9000, 300],
            ],
            realSizeBytes: 2 ** 33,
          },
        }),
        data: Buffer.alloc(600),
      },
      { member: aTarMember({ path: 'link', kind: 'symlink', linkPath: pathOfLength(200) }) },
      { member: aTarMember({ path: 'dev', kind: 'device', device: { type: 'char', major: 1, minor: 2 ** 30 } }) },
    ])
    const random = seededRandom()
    const pick = (below: number): number => Math.floor(random() * below)
    const tokens = ['x', 'g', 'L', 'K', 'S', '1', '5', '0', '\x80', '\xff', '\n', '=', ' ', '\0', '9', '-', '/', '..']
    for (let round = 0; round < scale(1500, 300_000); round += 1) {
      const bad = Buffer.from(archive.subarray(0, pick(8) === 0 ? pick(archive.length) : archive.length))
      for (let changes = 1 + pick(4); changes > 0; changes -= 1) {
        const at = pick(bad.length)
        if (pick(2) === 0) bad.write(tokens[pick(tokens.length)] ?? '', at, 'latin1')
        else bad[at] = pick(256)
      }
      // With checksums made right again the damage comes further.
      if (pick(4) > 0)
        for (let at = 0; at + 512 <= bad.length; at += 512) if (bad.toString('latin1', at + 257, at + 262) === 'ustar') resummed(bad, at)
      const members = await walk(bad)
      expect(members).toBeLessThanOrEqual(bad.length / 512)
      expect(['none', 'artifact_damaged']).toContain(await streamError(bad, 1 + pick(2000)))
    }
  })
})

/** Reads on as far as it goes; how many members that were. */
async function walk(bytes: Buffer): Promise<number> {
  let members = 0
  try {
    for (let at = 0; at <= bytes.length; members += 1) {
      const read = readTarMember(bytes, at)
      if (read.kind === 'need-more') expect(read.atLeastBytes).toBeLessThanOrEqual(9 * (1_048_576 + 1024))
      if (read.kind !== 'member') break
      expect(read.nextOffset).toBeGreaterThanOrEqual(at + 512)
      at = read.nextOffset
    }
  } catch (error) {
    expect(error instanceof BastionError && error.code).toBe('artifact_damaged')
  }
  return members
}

async function collect<T>(source: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = []
  for await (const each of source) all.push(each)
  return all
}

async function* chunksOf(bytes: Buffer, chunkBytes: number): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += chunkBytes) yield new Uint8Array(bytes.subarray(at, at + chunkBytes))
}

function pathsOf(archive: Buffer): string[] {
  const paths: string[] = []
  for (let at = 0; ;) {
    const read = readTarMember(archive, at)
    if (read.kind !== 'member') return paths
    paths.push(read.member.path)
    at = read.nextOffset
  }
}

function readError(bytes: Buffer): string {
  try {
    return readTarMember(bytes, 0).kind
  } catch (error) {
    if (error instanceof BastionError) return error.code
    throw error
  }
}

async function streamError(bytes: Buffer, chunkBytes = 1000): Promise<string> {
  try {
    for await (const { data } of streamTarMembers(chunksOf(bytes, chunkBytes)))
      for await (const chunk of data) expect(chunk.length).toBeGreaterThan(0)
    return 'none'
  } catch (error) {
    if (error instanceof BastionError) return error.code
    throw error
  }
}

function padded(text: string): Buffer {
  const bytes = Buffer.from(text, 'latin1')
  return Buffer.concat([bytes, Buffer.alloc((512 - (bytes.length % 512)) % 512)])
}

/** A header of a type the writer does not make, with its body. */
function special(type: string, body: string): Buffer {
  const block = headerOf(aTarMember({ path: 'extended', sizeBytes: Buffer.byteLength(body, 'latin1') }))
  block.write(type, 156)
  return Buffer.concat([resummed(block), padded(body)])
}

function headerWithSize(each: TarMember): Buffer {
  return edited(headerOf(each), (block) => block.write('00000000010', 124))
}

function edited(header: Buffer, edit: (block: Buffer) => void, makeRight = true): Buffer {
  const block = Buffer.from(header)
  edit(block)
  return makeRight ? resummed(block) : block
}

function resummed(bytes: Buffer, at = 0): Buffer {
  bytes.write(`${blockChecksum(bytes, at).toString(8).padStart(6, '0')}\0 `, at + 148, 'latin1')
  return bytes
}
