import type { ForgedEntry } from './forge-artifact.ts'

/** A tree with one of each kind: what the hostile ones are made of. In the order of the tar stream. */
export function ordinaryEntries(): ForgedEntry[] {
  return [
    { path: 'caf\xe9', kind: 'file', content: 'not UTF-8' },
    { path: 'dir', kind: 'dir' },
    { path: 'dir/inside', kind: 'file', content: 'inside' },
    { path: 'empty', kind: 'file', content: '' },
    { path: 'fifo', kind: 'fifo' },
    { path: 'file', kind: 'file', content: 'a file\n'.repeat(100) },
    { path: 'hard', kind: 'file', content: 'one file of two names', line: { hardlink_group: 'h1' } },
    { path: 'hard link', kind: 'hardlink', target: 'hard', line: { hardlink_group: 'h1' } },
    { path: 'large', kind: 'file', content: largeContent },
    { path: 'link', kind: 'symlink', target: 'dir' },
    { path: 'socket', kind: 'socket' },
    { path: 'zzz', kind: 'dir' },
    { path: 'file later', kind: 'file', content: 'the better copy', line: { supersedes: true } },
  ]
}

/** Several frames of it, and little of it can be compressed. */
const largeContent = Buffer.from(Array.from({ length: 50_000 }, (_, i) => (Math.imul(i, 0x9e3779b1) >>> 13) & 0xff))
