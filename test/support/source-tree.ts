import {
  chmodSync,
  closeSync,
  constants,
  ftruncateSync,
  lchownSync,
  linkSync,
  mkdirSync,
  openSync,
  symlinkSync,
  writeFileSync,
  writeSync,
} from 'node:fs'
import { type BytePath, fsPath } from '../../src/lib/byte-path.ts'
import { createNodeMaker } from '../../src/lib/posix-mknod.ts'
import { createXattrs, type Xattr } from '../../src/lib/posix-xattr.ts'
import { createTimeSetter } from '../../src/lib/posix-times.ts'
import { sampleBytes } from './age-samples.ts'

export interface EntryFacts {
  mode?: number
  uid?: number
  gid?: number
  mtimeNs?: bigint
  xattrs?: readonly Xattr[]
}

/** A tree made for a test, entry by entry. Names are bytes; missing parents are made. What an entry shall look like is set by `finish`. */
export interface SourceTree {
  readonly root: string
  at(path: BytePath): string | Buffer
  /** @param content the bytes, text, or how many bytes of noise */
  file(path: BytePath, content: Uint8Array | string | number, facts?: EntryFacts): SourceTree
  dir(path: BytePath, facts?: EntryFacts): SourceTree
  symlink(path: BytePath, target: BytePath, facts?: EntryFacts): SourceTree
  /** one more name of a file */
  link(path: BytePath, of: BytePath): SourceTree
  fifo(path: BytePath, facts?: EntryFacts): SourceTree
  /** as root only */
  device(path: BytePath, device: { type: 'char' | 'block'; major: number; minor: number }, facts?: EntryFacts): SourceTree
  /** A file of `sizeBytes` that is all hole but for some bytes. */
  sparse(path: BytePath, sizeBytes: number, data: readonly (readonly [offset: number, bytes: number])[], facts?: EntryFacts): SourceTree
  /** Owners, modes and times, what lies deepest first. Entries without a time get one of long ago: nobody suspects them of changing. */
  finish(): SourceTree
}

/** 2024-02-29 12:34:56.789012345 UTC */
export const longAgoNs = 1_709_210_096_789_012_345n

export function sourceTree(root: string): SourceTree {
  const times = createTimeSetter()
  const makeNode = createNodeMaker()
  const attributes = createXattrs()
  const entries = new Map<BytePath, EntryFacts & { isLink: boolean }>()
  const at = (path: BytePath) => fsPath(path === '' ? root : `${root}/${path}`)

  function parentsOf(path: BytePath): void {
    const slash = path.lastIndexOf('/')
    const parent = slash < 0 ? '' : path.slice(0, slash)
    if (!entries.has(parent)) tree.dir(parent)
  }

  function remember(path: BytePath, facts: EntryFacts, isLink = false): SourceTree {
    entries.set(path, { ...facts, isLink })
    return tree
  }

  const tree: SourceTree = {
    root,
    at,
    file(path, content, facts = {}) {
      parentsOf(path)
      writeFileSync(at(path), typeof content === 'number' ? sampleBytes(content) : content)
      return remember(path, facts)
    },
    dir(path, facts = {}) {
      if (path !== '') parentsOf(path)
      mkdirSync(at(path), { recursive: true })
      return remember(path, facts)
    },
    symlink(path, target, facts = {}) {
      parentsOf(path)
      symlinkSync(fsPath(target), at(path))
      return remember(path, facts, true)
    },
    link(path, of) {
      parentsOf(path)
      linkSync(at(of), at(path))
      return tree
    },
    fifo(path, facts = {}) {
      parentsOf(path)
      if (makeNode === null) throw new Error('this system cannot make a FIFO')
      makeNode(at(path), 0o010000 | (facts.mode ?? 0o644), [0, 0])
      return remember(path, facts)
    },
    device(path, { type, major, minor }, facts = {}) {
      parentsOf(path)
      if (makeNode === null) throw new Error('this system cannot make a device')
      makeNode(at(path), (type === 'block' ? constants.S_IFBLK : constants.S_IFCHR) | (facts.mode ?? 0o644), [major, minor])
      return remember(path, facts)
    },
    sparse(path, sizeBytes, data, facts = {}) {
      tree.file(path, '', facts)
      const fd = openSync(at(path), 'r+')
      ftruncateSync(fd, sizeBytes)
      for (const [offset, bytes] of data) writeSync(fd, sampleBytes(bytes), 0, bytes, offset)
      closeSync(fd)
      return tree
    },
    finish() {
      for (const [path, { isLink, uid, gid, mode, mtimeNs, xattrs }] of [...entries].toSorted(([a], [b]) => (a < b ? 1 : -1))) {
        if (uid !== undefined || gid !== undefined) lchownSync(at(path), uid ?? 0, gid ?? 0)
        // Attributes are only given to what may be written; and those that are ACLs come after the mode.
        if (mode !== undefined && !isLink) chmodSync(at(path), xattrs === undefined ? mode : mode | 0o200)
        for (const xattr of xattrs ?? []) attributes?.write(at(path), xattr)
        if (mode !== undefined && !isLink && (mode & 0o200) === 0) chmodSync(at(path), mode)
        times.setByPath(at(path), mtimeNs ?? longAgoNs)
      }
      return tree
    },
  }
  return tree.dir('')
}
