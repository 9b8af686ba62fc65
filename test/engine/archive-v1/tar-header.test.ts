import { describe, expect, test } from 'vitest'
import { hasCode } from '../../../src/core/errors.ts'
import { type TarMember, encodeSparseMap, tarHeaderBound, tarPadding, writeTarHeader } from '../../../src/engine/formats/archive-v1/tar-header.ts'
import { toBytePath } from '../../../src/lib/byte-path.ts'
import { aTarMember, headerOf, pathOfLength, paxRecord } from '../../support/tar.ts'

describe('a plain member takes one block', () => {
  test.each<[string, Partial<TarMember>]>([
    ['a file', { sizeBytes: 1234, user: 'app', group: 'app' }],
    ['the largest numbers', { sizeBytes: 8 * 2 ** 30 - 1, uid: 0o7777777, gid: 0o7777777, mtimeNs: 0o77777777777n * 1_000_000_000n }],
    ['a name of 100 bytes', { path: pathOfLength(100) }],
    ['a directory of 99 bytes and its slash', { path: pathOfLength(99), kind: 'dir' }],
    ['a prefix of 155 and a name of 100 bytes', { path: `${'p'.repeat(155)}/${'n'.repeat(100)}` }],
    ['a link to 100 bytes', { kind: 'symlink', linkPath: 'l'.repeat(100) }],
    ['a user of 31 bytes', { user: 'u'.repeat(31) }],
    ['a name that is not UTF-8', { path: '\xff\xfe' }],
    ['the epoch', { mtimeNs: 0n }],
  ])('%s', (_, over) => {
    expect(headerOf(aTarMember(over)).length).toBe(512)
  })
})

describe('an extended header says what ustar cannot', () => {
  test.each<[string, Partial<TarMember>, string]>([
    ['a path of 101 bytes that cannot be split', { path: 'n'.repeat(101) }, `path=${'n'.repeat(101)}`],
    ['a path of 101 bytes of which one counts the slash', { path: 'n'.repeat(100), kind: 'dir' }, `path=${'n'.repeat(100)}/`],
    ['a prefix of 156 bytes', { path: `${'p'.repeat(156)}/${'n'.repeat(100)}` }, `path=${'p'.repeat(156)}/${'n'.repeat(100)}`],
    ['a name in UTF-8', { path: toBytePath('é') }, 'path=\xc3\xa9'],
    ['a long name that is not UTF-8', { path: '\xff'.repeat(101) }, `path=${'\xff'.repeat(101)}`],
    ['a link to 101 bytes', { kind: 'symlink', linkPath: 'l'.repeat(101) }, `linkpath=${'l'.repeat(101)}`],
    ['8 GiB', { sizeBytes: 8 * 2 ** 30 }, 'size=8589934592'],
    ['a large user id', { uid: 0o7777777 + 1 }, 'uid=2097152'],
    ['a large group id', { gid: 4_294_967_295 }, 'gid=4294967295'],
    ['a user of 32 bytes', { user: 'u'.repeat(32) }, `uname=${'u'.repeat(32)}`],
    ['a group in UTF-8', { group: 'ü' }, 'gname=\xc3\xbc'],
    ['nanoseconds', { mtimeNs: 1_763_690_000_123_456_789n }, 'mtime=1763690000.123456789'],
    ['no more decimals than needed', { mtimeNs: 1_763_690_000_120_000_000n }, 'mtime=1763690000.12'],
    ['zeros before decimals', { mtimeNs: 1_000_000_001n }, 'mtime=1.000000001'],
    ['a time before 1970', { mtimeNs: -500_000_000n }, 'mtime=-0.5'],
    ['whole seconds before 1970', { mtimeNs: -3_000_000_000n }, 'mtime=-3'],
    ['a time beyond 33 bits', { mtimeNs: 0o100000000000n * 1_000_000_000n }, 'mtime=8589934592'],
    ['an attribute', { xattrs: [['user.x', Buffer.from([0, 10, 255])]] }, 'SCHILY.xattr.user.x=\x00\n\xff'],
    ['an attribute of a difficult name', { xattrs: [['user.a=b%', Buffer.of(1)]] }, 'SCHILY.xattr.user.a%3Db%25=\x01'],
    ['a record whose length grows by counting itself', { path: 'n'.repeat(190) }, `path=${'n'.repeat(190)}`],
  ])('%s', (_, over, record) => {
    const header = headerOf(aTarMember(over))
    const bodyBytes = Number.parseInt(header.toString('latin1', 124, 135), 8)
    expect(header.toString('latin1', 156, 157)).toBe('x')
    expect(header.toString('latin1', 512, 512 + bodyBytes)).toBe(paxRecord(record))
    expect(header.length).toBe(512 + bodyBytes + tarPadding(bodyBytes) + 512)
    expect(header.subarray(512 + bodyBytes, -512).every((byte) => byte === 0)).toBe(true)
  })
})

describe('writing a header', () => {
  const member = aTarMember({ path: pathOfLength(300), mtimeNs: 1n, xattrs: [['user.x', Buffer.alloc(2000, 1)]], user: 'app' })

  test('touches nothing before or behind it', () => {
    const size = headerOf(member).length
    const into = Buffer.alloc(size + 200, 0xee)
    expect(writeTarHeader(into, 100, member)).toBe(100 + size)
    expect(into.subarray(100, 100 + size).equals(headerOf(member))).toBe(true)
    expect([...into.subarray(0, 100), ...into.subarray(100 + size)].every((byte) => byte === 0xee)).toBe(true)
  })

  test.each<[string, TarMember]>([
    ['extended', member],
    ['plain', aTarMember()],
    ['sparse', aTarMember({ sizeBytes: 1, sparse: { map: [[0, 1]], realSizeBytes: 9 } })],
  ])('needs exactly its %s size, and says so with a RangeError', (_, each) => {
    const size = headerOf(each).length
    expect(tarHeaderBound(each)).toBeGreaterThanOrEqual(size)
    expect(writeTarHeader(Buffer.alloc(size), 0, each)).toBe(size)
    for (let room = 0; room < size; room += size - room > 600 ? 97 : 1) {
      expect(() => writeTarHeader(Buffer.alloc(room), 0, each)).toThrow(RangeError)
      expect(() => writeTarHeader(Buffer.alloc(1000 + room), 1000, each)).toThrow(RangeError)
    }
  })

  test('refuses what no reader of ours accepts', () => {
    const attributes = Array.from({ length: 17 }, (_, i): [string, Uint8Array] => [`user.${i}`, Buffer.alloc(65_536)])
    const segments = Array.from({ length: 262_145 }, (_, i): [number, number] => [i * 8192, 4096])
    const beyond: Array<Partial<TarMember>> = [
      { path: 'p'.repeat(65_537) },
      { kind: 'symlink', linkPath: 'l'.repeat(65_537) },
      { xattrs: attributes },
      { sizeBytes: 262_145 * 4096, sparse: { map: segments, realSizeBytes: 2 ** 40 } },
    ]
    for (const over of beyond) {
      const act = (): unknown => headerOf(aTarMember(over))
      expect(act).toThrow(expect.toSatisfy((error) => hasCode(error, 'unsupported')))
    }
  })
})

test('a sparse map lists its segments, and the end of a file that ends in a hole', () => {
  expect(text(encodeSparseMap([[4096, 512]], 4608))).toBe('1\n4096\n512\n')
  expect(
    text(
      encodeSparseMap(
        [
          [0, 512],
          [8192, 1],
        ],
        10_000,
      ),
    ),
  ).toBe('3\n0\n512\n8192\n1\n10000\n0\n')
  expect(text(encodeSparseMap([], 2 ** 40))).toBe('1\n1099511627776\n0\n')
  for (const map of [
    [
      [5, 5],
      [9, 1],
    ],
    [[0, 101]],
    [[-1, 1]],
    [[0, -1]],
  ] as Array<Array<[number, number]>>) {
    expect(() => encodeSparseMap(map, 100)).toThrow(RangeError)
  }
})

test('padding fills the last block', () => {
  expect([0, 1, 511, 512, 513, 2 ** 40 + 1].map(tarPadding)).toEqual([0, 511, 1, 0, 511, 511])
})

function text(map: Uint8Array): string {
  expect(map.length % 512).toBe(0)
  return Buffer.from(map).toString('latin1').replace(/\0+$/, '')
}
