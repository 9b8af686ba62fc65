import { spawnSync } from 'node:child_process'
import { type BigIntStats, lstatSync, mkdirSync, mkdtempSync, readFileSync, readlinkSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { getAttributeSync, listAttributesSync, setAttributeSync } from '@napi-rs/xattr'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { TarMember } from '../../../src/engine/formats/archive-v1/tar-header.ts'
import { streamTarMembers } from '../../../src/engine/formats/archive-v1/tar-reader.ts'
import { fsPath, toBytePath } from '../../../src/lib/byte-path.ts'
import { aTarMember, pathOfLength, runTar, tarOf, type TarSample } from '../../support/tar.ts'

const isRoot = process.getuid?.() === 0
const hasPython = spawnSync('python3', ['-c', 'import tarfile']).status === 0
/** What RESTORE.md tells people to type. */
const restoreArgs = ['-xp', '--numeric-owner', '--xattrs', '--xattrs-include=*', '--delay-directory-restore', '--warning=no-timestamp', '-f', '-']

let folder: string
let hasXattrs: boolean

beforeEach(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'tar-'))
  hasXattrs = canKeepXattrs(folder)
})
afterEach(() => rmSync(folder, { recursive: true, force: true }))

describe('GNU tar restores what we write:', () => {
  test('names, modes, times in nanoseconds, links and content', () => {
    const samples = portableSamples()
    runTar(folder, restoreArgs, tarOf(samples))
    for (const sample of samples) expectOnDisk(folder, sample)
  })

  test('sparse files, holes and all', () => {
    const samples = sparseSamples()
    runTar(folder, restoreArgs, tarOf(samples))
    for (const sample of samples) expectOnDisk(folder, sample)
    expect(lstatSync(path.join(folder, 'sparse-huge')).blocks).toBeLessThan(100)
  })

  test.skipIf(!isRoot)('owners, devices and set-user-id (needs root)', () => {
    const samples = rootSamples()
    runTar(folder, restoreArgs, tarOf(samples))
    for (const sample of samples) expectOnDisk(folder, sample)
  })

  test.skipIf(!isRoot)('extended attributes and ACLs (needs root)', ({ skip }) => {
    if (!hasXattrs) skip('the temporary folder keeps no extended attributes')
    const samples = xattrSamples()
    runTar(folder, restoreArgs, tarOf(samples))
    for (const sample of samples) {
      expectOnDisk(folder, sample)
      expect(xattrsOf(path.join(folder, sample.member.path))).toEqual(plainXattrs(sample.member.xattrs))
    }
  })
})

test.skipIf(!hasPython)('Python reads what we write (needs python3)', () => {
  const samples = [...portableSamples(), ...sparseSamples().slice(0, 4), ...rootSamples(), ...xattrSamples()]
  const archive = path.join(folder, 'ours.tar')
  writeFileSync(archive, tarOf(samples))
  const seen = pythonMembers(archive)
  expect(seen.length).toBe(samples.length)
  samples.forEach(({ member, data = Buffer.alloc(0) }, i) => {
    const size = member.kind === 'file' ? (member.sparse?.realSizeBytes ?? member.sizeBytes) : 0
    expect(seen[i]).toMatchObject({
      path: Buffer.from(member.path, 'latin1').toString('hex'),
      type: { file: '0', hardlink: '1', symlink: '2', dir: '5', fifo: '6', device: member.device?.type === 'block' ? '4' : '3' }[member.kind],
      size,
      mode: member.mode,
      ids: [member.uid, member.gid],
      names: [member.user ?? '', member.group ?? ''],
      link: Buffer.from(member.linkPath ?? '', 'latin1').toString('hex'),
      mtime: Number(member.mtimeNs) / 1e9,
      device: member.device === undefined ? null : [member.device.major, member.device.minor],
      data: member.kind === 'file' ? whole(member, data).toString('hex') : '',
    })
  })
})

describe.each(['pax', 'gnu', 'ustar'] as const)('we read what GNU tar writes as %s:', (format) => {
  test('every member it made of a tree', async () => {
    const tree = path.join(folder, 'tree')
    mkdirSync(tree)
    // What GNU tar restored of ours is a tree like any other; ustar has no long names and no owners and devices beyond its fields.
    const samples = [...portableSamples(), ...(isRoot ? rootSamples() : [])].filter(({ member }) => format !== 'ustar' || fitsUstar(member))
    runTar(tree, restoreArgs, tarOf(samples))
    const archive = runTar(tree, ['-c', `--format=${format}`, '--sort=name', '.'])
    const seen = new Map<string, TarSample>()
    for await (const { member, data } of streamTarMembers(chunksOf(archive))) seen.set(member.path, { member, data: await collect(data) })
    for (const { member } of samples) {
      const read = seen.get(member.path)
      expect(read, member.path).toBeDefined()
      if (read !== undefined) expectOnDisk(tree, read, format === 'pax')
    }
  })
})

test('we read sparse files of GNU tar in pax format', async () => {
  const samples = sparseSamples()
  runTar(folder, restoreArgs, tarOf(samples))
  const archive = runTar(folder, ['-cS', '--format=pax', ...samples.map(({ member }) => member.path)])
  let members = 0
  for await (const { member, data } of streamTarMembers(chunksOf(archive))) {
    const sample = samples[members]
    expect(member.path).toBe(sample?.member.path)
    expect(member.sparse?.realSizeBytes ?? member.sizeBytes).toBe(sample?.member.sparse?.realSizeBytes)
    const content = await collect(data)
    if (sample !== undefined && member.path !== 'sparse-huge')
      expect(whole(member, content).equals(whole(sample.member, sample.data ?? content))).toBe(true)
    members += 1
  }
  expect(members).toBe(samples.length)
})

test.skipIf(!isRoot)('we read extended attributes of GNU tar (needs root)', async ({ skip }) => {
  if (!hasXattrs) skip('the temporary folder keeps no extended attributes')
  const samples = xattrSamples()
  runTar(folder, restoreArgs, tarOf(samples))
  const archive = runTar(folder, ['-c', '--format=pax', '--xattrs', '--xattrs-include=*', ...samples.map(({ member }) => member.path)])
  const seen: TarMember[] = []
  for await (const { member } of streamTarMembers(chunksOf(archive))) seen.push(member)
  expect(seen.map((member) => plainXattrs(member.xattrs))).toEqual(samples.map(({ member }) => plainXattrs(member.xattrs)))
})

const own = { uid: process.getuid?.() ?? 0, gid: process.getgid?.() ?? 0 }

function file(name: string, text: string | Uint8Array, over: Partial<TarMember> = {}): TarSample {
  const data = Buffer.from(text)
  return { member: aTarMember({ ...own, path: name, sizeBytes: data.length, mtimeNs: 1_763_690_000_123_456_789n, ...over }), data }
}

function other(kind: TarMember['kind'], name: string, over: Partial<TarMember> = {}): TarSample {
  return { member: aTarMember({ ...own, path: name, kind, mode: kind === 'symlink' ? 0o777 : 0o755, mtimeNs: 987_654_321_000_000_001n, ...over }) }
}

/** What any user may create. */
function portableSamples(): TarSample[] {
  const noise = Buffer.from(Array.from({ length: 70_000 }, (_, i) => (i * i) % 251))
  return [
    file('first', 'first'),
    file('to-be-linked', 'content'),
    other('hardlink', 'hard', { linkPath: 'to-be-linked', mode: 0o644, mtimeNs: 1_763_690_000_123_456_789n }),
    other('symlink', 'soft', { linkPath: 'to-be-linked' }),
    other('symlink', 'soft-dangling', { linkPath: '../nowhere' }),
    other('symlink', 'soft-100', { linkPath: 'l'.repeat(100) }),
    other('symlink', 'soft-101', { linkPath: pathOfLength(101) }),
    other('symlink', 'soft-4000', { linkPath: pathOfLength(4000) }),
    other('symlink', 'soft-bytes', { linkPath: '\xff\xfe/\n' }),
    other('symlink', 'soft-utf8', { linkPath: toBytePath('é'.repeat(60)) }),
    other('dir', 'dir', { mode: 0o700 }),
    other('dir', 'dir/empty', { mode: 0o555 }),
    other('dir', `dir/${'e'.repeat(200)}`),
    other('fifo', 'fifo', { mode: 0o600 }),
    ...[100, 101, 155, 255, 256, 257, 1000, 4000].map((length) => file(`${length}-${pathOfLength(length)}`.slice(0, length), String(length))),
    file(`${'p'.repeat(155)}/${'n'.repeat(100)}`, 'split'),
    file(`${'q'.repeat(156)}/${'n'.repeat(100)}`, 'not split'),
    file('x'.repeat(255), 'one part'),
    file('\xff\xfe\x80', 'not UTF-8'),
    file(`not-utf8-${'\xff'.repeat(150)}`, 'long and not UTF-8'),
    file(toBytePath('ünïcødé 日本'), 'UTF-8'),
    file(toBytePath(`${'日'.repeat(50)}/${'本'.repeat(80)}`), 'long UTF-8'),
    file(' with  spaces ', 'spaces'),
    file('new\nline\ttab"quote\'\\*?[', 'odd'),
    file('-rf', 'a name like an option'),
    ...[0, 1, 511, 512, 513, 1024, 70_000].map((size) => file(`size-${size}`, noise.subarray(0, size))),
    ...[
      0n,
      1n,
      999_999_999n,
      1_000_000_000n,
      1_500_000_000n,
      -1n,
      -500_000_000n,
      -1_000_000_000n,
      -1_500_000_001n,
      -1_000_000_000_000_000_001n,
      2n ** 32n * 1_000_000_000n,
      2n ** 33n * 1_000_000_000n - 1n,
      2n ** 33n * 1_000_000_000n,
      2n ** 33n * 1_000_000_000n + 7n,
    ].map((mtimeNs) => file(`time${mtimeNs}`, 'time', { mtimeNs })),
    // Only root reads a file of mode 0.
    ...[0o400, 0o777, 0o644, ...(isRoot ? [0] : [])].map((mode) => file(`mode-${mode.toString(8)}`, 'mode', { mode })),
    file('last', 'last', { user: 'a-name-of-more-than-thirty-one-bytes', group: 'gruppe-ü' }),
  ]
}

function sparseSamples(): TarSample[] {
  function sample(name: string, map: Array<[number, number]>, realSizeBytes: number): TarSample {
    const sizeBytes = map.reduce((sum, [, length]) => sum + length, 0)
    return file(name, Buffer.alloc(sizeBytes, name), { sizeBytes, sparse: { map, realSizeBytes } })
  }
  const many = Array.from({ length: 300 }, (_, i): [number, number] => [i * 16_384, 4096])
  return [
    sample(
      'sparse-middle',
      [
        [0, 4096],
        [1_048_576, 4096],
      ],
      1_052_672,
    ),
    sample('sparse-end', [[8192, 5000]], 200_000),
    sample('sparse-only-hole', [], 300_000),
    sample(`sparse-${'n'.repeat(200)}`, many, 300 * 16_384),
    sample('sparse-huge', [[2 ** 33, 4096]], 2 ** 34),
  ]
}

function rootSamples(): TarSample[] {
  return [
    file('owned', 'owned', { uid: 1234, gid: 5678, user: 'nobody-like-that', group: 'none', mode: 0o6755 }),
    file('owned-large', 'owned', { uid: 2_097_151, gid: 2_097_152 }),
    file('owned-largest', 'owned', { uid: 4_294_967_294, gid: 4_294_967_294 }),
    other('dir', 'owned-dir', { uid: 3_000_000, gid: 1, mode: 0o3775 }),
    other('symlink', 'owned-link', { uid: 1234, gid: 5678, linkPath: 'owned' }),
    other('device', 'null', { device: { type: 'char', major: 1, minor: 3 }, mode: 0o666 }),
    other('device', 'block', { device: { type: 'block', major: 7, minor: 1_048_575 }, mode: 0o660, gid: 6 }),
  ]
}

function xattrSamples(): TarSample[] {
  // Access ACL, version 2: tag, permissions, id (linux/posix_acl_xattr.h); user 1000 may read, mask r.
  const acl = Buffer.from('02000000' + '01000600ffffffff' + '02000400e8030000' + '04000400ffffffff' + '10000400ffffffff' + '20000000ffffffff', 'hex')
  return [
    file('with-xattrs', 'x', {
      xattrs: [
        ['user.text', Buffer.from('text')],
        ['user.binary', Buffer.from([0, 10, 61, 255])],
        ['user.empty', Buffer.alloc(0)],
        ['user.long', Buffer.alloc(2000, 7)],
        ['trusted.root', Buffer.from('only')],
        ['user.a=b', Buffer.from('equals')],
        ['user.100%3D', Buffer.from('percent')],
        ['user.ümlaut', Buffer.from('utf8')],
      ],
    }),
    file('with-acl', 'x', { mode: 0o640, xattrs: [['system.posix_acl_access', acl]] }),
    other('dir', 'dir-with-xattrs', { xattrs: [['user.dir', Buffer.from('dir')]] }),
  ]
}

/** Compares a member and its data with what stands below `root`, by lstat in nanoseconds. */
function expectOnDisk(root: string, { member, data = Buffer.alloc(0) }: TarSample, hasNanoseconds = true): void {
  const place = fsPath(`${root}/${member.path}`)
  const stat = lstatSync(place, { bigint: true })
  const mtimeNs = hasNanoseconds ? stat.mtimeNs : floorToSeconds(stat.mtimeNs)
  const isLinkTo = member.kind === 'hardlink' ? lstatSync(`${root}/${member.linkPath ?? ''}`, { bigint: true }).ino : stat.ino
  expect({
    path: member.path,
    kind: kindOf(stat, member),
    mode: Number(stat.mode) & 0o7777,
    uid: Number(stat.uid),
    gid: Number(stat.gid),
    mtimeNs,
    ino: stat.ino,
  }).toEqual({
    path: member.path,
    kind: member.kind,
    mode: member.mode,
    uid: member.uid,
    gid: member.gid,
    mtimeNs: member.mtimeNs,
    ino: isLinkTo,
  })
  if (member.kind === 'symlink') expect(readlinkSync(place, 'latin1')).toBe(member.linkPath)
  if (member.kind === 'device') expect(stat.rdev).toBe(BigInt(rdevOf(member.device?.major ?? 0, member.device?.minor ?? 0)))
  if (member.kind !== 'file') return
  expect(Number(stat.size)).toBe(member.sparse?.realSizeBytes ?? member.sizeBytes)
  if (stat.size < 10_000_000n) expect(readFileSync(place).equals(whole(member, data))).toBe(true)
}

function kindOf(stat: BigIntStats, member: TarMember): TarMember['kind'] {
  if (stat.isFile()) return member.kind === 'hardlink' ? 'hardlink' : 'file'
  if (stat.isDirectory()) return 'dir'
  if (stat.isSymbolicLink()) return 'symlink'
  return stat.isFIFO() ? 'fifo' : 'device'
}

/** glibc's makedev. */
function rdevOf(major: number, minor: number): number {
  return (major << 8) + (minor & 0xff) + (minor >>> 8) * 2 ** 20
}

function floorToSeconds(timeNs: bigint): bigint {
  const over = ((timeNs % 1_000_000_000n) + 1_000_000_000n) % 1_000_000_000n
  return timeNs - over
}

/** The content of a member, holes filled. */
function whole({ sparse }: TarMember, data: Uint8Array): Buffer {
  if (sparse === undefined) return Buffer.from(data)
  const content = Buffer.alloc(sparse.realSizeBytes)
  let from = 0
  for (const [offset, length] of sparse.map) {
    content.set(data.subarray(from, from + length), offset)
    from += length
  }
  return content
}

function fitsUstar({ path: name, linkPath = '', uid, gid, mtimeNs }: TarMember): boolean {
  const parts = name.split('/')
  // GNU tar prefixes "./", and wants a split that leaves 155 and 100 bytes.
  const fits = name.length <= 97 || (name.length < 250 && (parts.at(-1)?.length ?? 0) <= 99 && parts.slice(0, -1).join('/').length <= 153)
  return fits && linkPath.length <= 100 && Math.max(uid, gid) <= 2_097_151 && mtimeNs >= 0n && mtimeNs < 2n ** 33n * 1_000_000_000n
}

function canKeepXattrs(place: string): boolean {
  try {
    setAttributeSync(place, 'user.probe', 'x')
    return true
  } catch {
    return false
  }
}

function xattrsOf(place: string): Record<string, string> {
  return Object.fromEntries(
    listAttributesSync(place)
      .sort()
      .map((name) => [name, getAttributeSync(place, name)?.toString('hex') ?? '']),
  )
}

function plainXattrs(xattrs: TarMember['xattrs'] = []): Record<string, string> {
  return Object.fromEntries(xattrs.map(([name, value]) => [name, Buffer.from(value).toString('hex')]))
}

async function* chunksOf(bytes: Buffer): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += 65_521) yield bytes.subarray(at, at + 65_521)
}

async function collect(chunks: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const all: Uint8Array[] = []
  for await (const chunk of chunks) all.push(chunk)
  return Buffer.concat(all)
}

function pythonMembers(archive: string): unknown[] {
  const script = `
import json, sys, tarfile
def raw(name): return name.encode('utf-8', 'surrogateescape').hex()
out = []
with tarfile.open(sys.argv[1], encoding='utf-8', errors='surrogateescape') as tar:
    for m in tar:
        content = tar.extractfile(m).read() if m.isreg() else b''
        kind = '0' if m.issparse() else m.type.decode()
        out.append({'path': raw(m.name), 'type': kind, 'size': m.size, 'mode': m.mode, 'ids': [m.uid, m.gid], 'names': [m.uname, m.gname],
            'link': raw(m.linkname), 'mtime': m.mtime, 'device': [m.devmajor, m.devminor] if m.isdev() and not m.isfifo() else None, 'data': content.hex()})
print(json.dumps(out))
`
  const done = spawnSync('python3', ['-c', script, archive], { encoding: 'utf8', maxBuffer: 2 ** 28 })
  if (done.status !== 0) throw new Error(done.stderr)
  return JSON.parse(done.stdout) as unknown[]
}
