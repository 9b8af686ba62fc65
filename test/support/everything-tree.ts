import { type BytePath, toBytePath } from '../../src/lib/byte-path.ts'
import { sampleBytes } from './age-samples.ts'
import { smallPipeline } from './engine.ts'
import { longAgoNs, type SourceTree, sourceTree } from './source-tree.ts'

const secondNs = 1_000_000_000n

/** A name a Linux filesystem can hold and somebody will use. */
const names: readonly BytePath[] = [
  'with space',
  ' leading and trailing ',
  'new\nline',
  'tab\tbell\x07delete\x7f',
  `quote" and ' and \``,
  'back\\slash and \\012',
  '-rf',
  '--checkpoint-action=exec=false',
  '*',
  '...',
  '~',
  '.hidden',
  '{"path":"x"}',
  toBytePath('日本語 ñ 🦊'),
  toBytePath('e\u0301 is not é'),
  toBytePath('\ufffd is a character of its own'),
  toBytePath('😀'.repeat(63)),
  'caf\xe9 in Latin-1',
  '\xff\xfe\x80',
  '\x80'.repeat(255),
  'n'.repeat(255),
]

/** Where a source can go wrong by a byte: tar blocks, frames with and without the headers, parts. */
function sizesAround(storedPathBytes: number): number[] {
  const { frame_bytes: frame, part_size_bytes: part } = smallPipeline
  const header = 3 * 512
  const edges = [512, frame - header - storedPathBytes, frame - header, frame - 512, frame, 2 * frame - header, 2 * frame, part]
  const around = edges.flatMap((edge) => [edge - 1, edge, edge + 1])
  return [...new Set([0, 1, ...around, 5 * frame + 100, 3 * part + 17])].toSorted((a, b) => a - b)
}

/**
 * Everything a source tree can hold, about 12 MiB.
 * @param options.readOnlyXattrs with attributes of files that nobody may write: GNU tar gives those to nobody but root
 * @param options.asRoot with what only root can make or read: owners, files and directories without any right
 */
export function everythingTree(root: string, options: { asRoot: boolean; readOnlyXattrs?: boolean }): SourceTree {
  const tree = sourceTree(root)
  tree.dir('empty').dir('empty too/and empty below')

  const sizeName = (size: number) => `sizes/${String(size).padStart(8, '0')}`
  for (const size of sizesAround(`${root.slice(1)}/${sizeName(0)}`.length)) tree.file(sizeName(size), size)
  for (let i = 0; i < 400; i++) tree.file(`many/${i % 7}/${i}`, i * 7)

  for (const [i, name] of names.entries()) {
    tree.file(`names/${name}`, name)
    tree.file(`names of directories/${name}/content`, i)
    tree.symlink(`names of links/${name}`, name)
  }
  // Path lengths as stored, without the leading slash: where ustar, its prefix and pax take turns, up to what a system call takes.
  for (const length of [99, 100, 101, 155, 156, 157, 254, 255, 256, 257, 1000, 4000, 4094]) {
    const path = pathOfStoredLength(root, `long/${length}`, length)
    tree.file(path, `${length}`)
    tree.link(`long links/${length}`, path)
    tree.symlink(`long symlinks/${length}`, 't'.repeat(Math.min(length, 4000)))
  }

  tree.symlink('symlinks/dangling', 'nowhere/at all')
  tree.symlink('symlinks/absolute', '/etc/passwd', { mtimeNs: longAgoNs + 1n })
  tree.symlink('symlinks/to a directory', '../empty')
  tree.symlink('symlinks/to itself', 'to itself')
  tree.symlink('symlinks/odd target', '\xff\n"')

  tree.file('links/a', 'two names in one directory').link('links/b', 'links/a')
  tree.file('links/z/far', 1000).link('links/c', 'links/z/far').link('links/z/near', 'links/z/far')
  tree.file('links/large', 200_000, { mode: 0o640 }).link('links/z/large', 'links/large').link('links/a large one', 'links/large')
  // The order of paths is that of their bytes: a, a-b, a/x.
  tree.dir('order/a').file('order/a-b', 'before what is in a').link('order/a/x', 'order/a-b').file('order/a.txt', '').file('order/a0', '')
  for (let i = 0; i < 300; i++) tree.link(`links/many/${i}`, 'links/a')

  for (const mode of [0o400, 0o444, 0o555, 0o604, 0o755, 0o777, 0o1644, 0o2755, 0o4755, 0o6711]) {
    tree.file(`modes/file ${mode.toString(8)}`, 'x', { mode })
  }
  for (const mode of [0o500, 0o555, 0o700, 0o711, 0o750, 0o1777, 0o2755]) {
    tree.dir(`modes/dir ${mode.toString(8)}`, { mode }).file(`modes/dir ${mode.toString(8)}/content`, 'y')
    tree.link(`modes/dir ${mode.toString(8)}/link`, 'links/a').file(`modes/dir ${mode.toString(8)}/sub/large`, 70_000)
  }
  for (const mode of [0o600, 0o622, 0o666, 0o777]) tree.fifo(`fifos/${mode.toString(8)}`, { mode })

  const times = [
    -2_147_483_000n * secondNs,
    -secondNs - 1n,
    -1n,
    0n,
    1n,
    longAgoNs - (longAgoNs % secondNs),
    12_000_000_000n * secondNs + 999_999_999n,
  ]
  for (const mtimeNs of times) {
    tree.file(`times/file ${mtimeNs}`, 'x', { mtimeNs })
    tree.dir(`times/dir ${mtimeNs}`, { mtimeNs })
    tree.symlink(`times/link ${mtimeNs}`, 'x', { mtimeNs })
    tree.fifo(`times/fifo ${mtimeNs}`, { mtimeNs })
  }

  const mebibyte = 2 ** 20
  tree.sparse('sparse/only a hole', 3 * mebibyte, [])
  tree.sparse('sparse/begins with a hole', 40_000, [[32_768, 7232]])
  tree.sparse('sparse/ends with one', 400_000, [[0, 5000]])
  tree.sparse(
    'sparse/many',
    8 * mebibyte,
    Array.from({ length: 200 }, (_, i) => [i * 40_960, 100 + i * 10] as const),
  )
  tree.sparse('sparse/larger than a frame', 64 * mebibyte, [
    [mebibyte, 300_000],
    [30 * mebibyte, 500_000],
    [64 * mebibyte - 5, 5],
  ])
  tree.sparse('sparse/two names', 100_000, [[65_536, 1]]).link('sparse/the other', 'sparse/two names')

  const noise = sampleBytes(3000)
  tree.file('xattrs/file', 'x', {
    xattrs: [
      ['user.a', Buffer.from('1')],
      ['user.empty', Buffer.alloc(0)],
      ['user.=%25 ñ', noise.subarray(0, 256)],
    ],
  })
  if (options.readOnlyXattrs === true) tree.file('xattrs/read only', 'x', { mode: 0o400, xattrs: [['user.read', Buffer.from('only')]] })
  tree.file('xattrs/large value', 'x', { xattrs: [['user.large', noise]] })
  tree.file('xattrs/of a large file', 300_000, { xattrs: [['user.line', Buffer.from('two\nlines\0')]] })
  tree.sparse('xattrs/of a sparse file', mebibyte, [[500_000, 10]], { xattrs: [['user.sparse', Buffer.from('y')]] })
  tree.dir('xattrs/dir', { xattrs: [['user.dir', noise.subarray(0, 64)]] }).file('xattrs/dir/below', 'z')
  tree.file('xattrs/two names', 'x', { xattrs: [['user.shared', Buffer.from('1')]] }).link('xattrs/z the other', 'xattrs/two names')
  tree.file('acls/file', 'x', {
    mode: 0o640,
    xattrs: [
      [
        'system.posix_acl_access',
        posixAcl([
          [2, 7, 12_345],
          [8, 4, 54_321],
        ]),
      ],
    ],
  })
  tree.dir('acls/dir', {
    mode: 0o750,
    xattrs: [
      ['system.posix_acl_access', posixAcl([[2, 5, 1]])],
      ['system.posix_acl_default', posixAcl([[8, 6, 2]])],
    ],
  })

  if (options.asRoot) {
    const capability = Buffer.from('0100000200200000000000000000000000000000', 'hex')
    tree.file('xattrs/capability', 'x', {
      mode: 0o755,
      uid: 7,
      xattrs: [
        ['security.capability', capability],
        ['trusted.t', Buffer.from('t')],
      ],
    })
    tree.symlink('xattrs/of a link', 'nowhere', { xattrs: [['trusted.link', Buffer.from('l')]] })
    tree.fifo('xattrs/fifo', { mode: 0o622, xattrs: [['trusted.fifo', Buffer.from('f')]] })
    tree.device('devices/null', { type: 'char', major: 1, minor: 3 }, { mode: 0o666 })
    tree.device('devices/far', { type: 'block', major: 259, minor: 70_000 }, { mode: 0o660, gid: 6 })
    tree.file('modes/file 0', 'nobody may read this', { mode: 0 }).dir('modes/dir 0', { mode: 0 }).file('modes/dir 0/content', 'z')
    for (const [i, [uid, gid]] of [
      [1, 2],
      [65_534, 65_534],
      [2_097_151, 2_097_152],
      [4_294_967_294, 3_000_000_000],
    ].entries()) {
      const owner = { uid: uid!, gid: gid! }
      tree.file(`owners/file ${i}`, 'o', { ...owner, mode: 0o4755 })
      tree.dir(`owners/dir ${i}`, { ...owner, mode: 0o2750 })
      tree.symlink(`owners/link ${i}`, 'x', owner)
      tree.fifo(`owners/fifo ${i}`, { ...owner, mode: 0o620 })
    }
  }
  return tree.finish()
}

/** `struct posix_acl_xattr_header` and its entries (linux/posix_acl_xattr.h). @param named [ACL_USER 2 or ACL_GROUP 8, permissions, id], ascending */
function posixAcl(named: readonly (readonly [tag: number, permissions: number, id: number])[]): Buffer {
  const anyone = 0xffff_ffff
  const [user, group, mask, other] = [
    [1, 6, anyone],
    [4, 4, anyone],
    [16, 6, anyone],
    [32, 0, anyone],
  ] as const
  const entries = [user, ...named.filter(([tag]) => tag === 2), group, ...named.filter(([tag]) => tag === 8), mask, other]
  const bytes = Buffer.alloc(4 + 8 * entries.length)
  bytes.writeUInt32LE(2)
  for (const [i, [tag, permissions, id]] of entries.entries()) {
    bytes.writeUInt16LE(tag, 4 + 8 * i)
    bytes.writeUInt16LE(permissions, 6 + 8 * i)
    bytes.writeUInt32LE(id, 8 + 8 * i)
  }
  return bytes
}

/** A path below `folder` whose whole stored path, from the root of the filesystem on, has `length` bytes; shorter than asked for where the root is longer. */
function pathOfStoredLength(root: string, folder: string, length: number): BytePath {
  const left = length - `${root.slice(1)}/${folder}/`.length
  let path = folder
  for (let rest = Math.max(1, left); rest > 0;) {
    // A slash needs a byte after it.
    const bytes = rest <= 200 ? rest : Math.min(200, rest - 2)
    path += `/${'p'.repeat(bytes)}`
    rest -= bytes + 1
  }
  return path
}
