import { Blake3Hasher } from '@napi-rs/blake-hash'
import { encodeSparseMap } from '../../../src/engine/formats/archive-v1/tar-header.ts'
import type { ForgedEntry } from './forge-artifact.ts'

/** A tree with one of each kind: what the hostile ones are made of. In the order of the tar stream. */
export function ordinaryEntries(): ForgedEntry[] {
  return [
    { path: 'caf\xe9', kind: 'file', content: 'not UTF-8' },
    { path: 'dir', kind: 'dir' },
    { path: 'dir/inside', kind: 'file', content: 'inside' },
    { path: 'empty', kind: 'file', content: '' },
    { path: 'fifo', kind: 'fifo' },
    {
      path: 'file',
      kind: 'file',
      content: 'a file\n'.repeat(100),
      line: { xattrs: { 'user.x': Buffer.from('y').toString('base64') } },
      member: { xattrs: [['user.x', Buffer.from('y')]] },
    },
    { path: 'hard', kind: 'file', content: 'one file of two names', line: { hardlink_group: 'h1' } },
    { path: 'hard link', kind: 'hardlink', target: 'hard', line: { hardlink_group: 'h1' } },
    { path: 'large', kind: 'file', content: largeContent },
    { path: 'link', kind: 'symlink', target: 'dir' },
    { path: 'socket', kind: 'socket' },
    sparseFile(),
    { path: 'zzz', kind: 'dir' },
    { path: 'file later', kind: 'file', content: 'the better copy', line: { supersedes: true } },
  ]
}

/** The same as a raw tree has them: a sparse file is stored with its holes, and a path has one file. */
export function ordinaryTreeEntries(): ForgedEntry[] {
  return ordinaryEntries().map(({ member, ...entry }) => {
    const { sparse } = member ?? {}
    if (sparse === undefined) return entry
    const content = Buffer.alloc(sparse.realSizeBytes)
    const data = Buffer.from(entry.content ?? '')
    let at = 0
    for (const [offset, length] of sparse.map) content.set(data.subarray(at, (at += length)), offset)
    return { ...entry, content, line: { sparse: true } }
  })
}

/** Its hash is that of what is stored: the map, then the data. */
function sparseFile(): ForgedEntry {
  const sparse = { map: [[4096, 500] as const, [9000, 100] as const], realSizeBytes: 20_000 }
  const data = Buffer.alloc(600, 'data')
  const hash = new Blake3Hasher().update(encodeSparseMap(sparse.map, sparse.realSizeBytes)).update(data).digest('hex')
  return { path: 'sparse', kind: 'file', content: data, line: { size: sparse.realSizeBytes, sparse: true, hash }, member: { sparse } }
}

/** Several frames of it, and little of it can be compressed. */
const largeContent = Buffer.from(Array.from({ length: 50_000 }, (_, i) => (Math.imul(i, 0x9e3779b1) >>> 13) & 0xff))
