import { closeSync, constants, fstatSync, lstatSync, openSync, readlinkSync, readSync } from 'node:fs'
import { setImmediate } from 'node:timers/promises'
import { Blake3Hasher } from '@napi-rs/blake-hash'
import { type BytePath, pathText } from '../../lib/byte-path.ts'
import type { IndexedEntry } from '../formats/index-entry.ts'
import type { Artifact } from '../open-artifact.ts'
import { createDestination, splitPath } from '../restoring/destination.ts'
import type { Selection } from '../selection.ts'

export interface CheckedTree {
  expected: number
  /** of them, as they should be */
  checked: number
  bytes: number
  /** files that begin as SQLite databases do */
  databases: BytePath[]
}

/** The first bytes of a database file (https://www.sqlite.org/fileformat2.html, 1.3). */
const sqliteMagic = Buffer.from('SQLite format 3\0', 'latin1')
const chunkBytes = 1024 * 1024
/** Between two looks at who wants it to end. */
const bytesAtOnce = 8 * 1024 * 1024

/**
 * Reads what was restored again, from the disk, and compares it with the index: that every entry is there, what it is, where it leads, and the hash of its content. Of a sparse
 * file, whose hash is of its data alone, the size.
 * @param options.onDifference told of each entry that is not as it should be
 * @throws artifact_damaged when the index is · the system's errors · canceled
 */
export async function checkRestored(
  artifact: Artifact,
  rootFd: number,
  options: {
    selection: Selection
    signal: AbortSignal
    onDifference: (path: string, message: string) => void
    onProgress: (tree: CheckedTree) => void
  },
): Promise<CheckedTree> {
  const { selection, signal, onDifference, onProgress } = options
  const tree: CheckedTree = { expected: 0, checked: 0, bytes: 0, databases: [] }
  const index = await artifact.index()
  using destination = createDestination(rootFd)
  const buffer = Buffer.allocUnsafe(chunkBytes)
  let readSincePause = 0

  /** @returns what is wrong with it */
  async function difference(entry: IndexedEntry): Promise<string | null> {
    const { parent, name } = splitPath(entry.bytes)
    const at = destination.open(parent).at(name)
    const stats = lstatSync(at, { throwIfNoEntry: false })
    if (stats === undefined) return 'did not come back'
    switch (entry.kind) {
      case 'dir':
        return stats.isDirectory() ? null : 'is no directory'
      case 'symlink':
        return stats.isSymbolicLink() && readlinkSync(at, { encoding: 'latin1' }) === entry.targetBytes ? null : 'does not lead where it should'
      case 'hardlink': {
        const target = splitPath(entry.targetBytes!)
        const first = lstatSync(destination.open(target.parent).at(target.name), { throwIfNoEntry: false })
        return first?.ino === stats.ino && first.dev === stats.dev ? null : 'is not the file it should be another name of'
      }
      case 'file':
        return stats.isFile() ? await contentDifference(at, entry) : 'is no file'
      case 'fifo':
        return stats.isFIFO() ? null : 'is no FIFO'
      case 'device':
        return stats.isBlockDevice() || stats.isCharacterDevice() ? null : 'is no device'
      case 'socket':
        return null
    }
  }

  async function contentDifference(at: string | Buffer, entry: IndexedEntry): Promise<string | null> {
    const fd = openSync(at, constants.O_RDONLY | constants.O_NOFOLLOW)
    try {
      const { size } = fstatSync(fd)
      if (size !== (entry.size ?? 0)) return `has ${size} bytes instead of ${entry.size ?? 0}`
      const hasher = new Blake3Hasher()
      const isSparse = entry.sparse === true
      for (let offset = 0; offset < size && !(isSparse && offset > 0);) {
        const read = readSync(fd, buffer, 0, chunkBytes, offset)
        if (read === 0) return 'ends early'
        const chunk = buffer.subarray(0, read)
        if (offset === 0 && chunk.subarray(0, sqliteMagic.length).equals(sqliteMagic)) tree.databases.push(entry.bytes)
        if (!isSparse) hasher.update(chunk)
        offset += read
        readSincePause += read
        if (readSincePause > bytesAtOnce) await pause()
      }
      tree.bytes += size
      return isSparse || hasher.digest('hex') === entry.hash ? null : 'does not have the bytes its hash was made of'
    } finally {
      closeSync(fd)
    }
  }

  async function pause(): Promise<void> {
    readSincePause = 0
    onProgress(tree)
    await setImmediate()
    signal.throwIfAborted()
  }

  for await (const entries of index.scan()) {
    signal.throwIfAborted()
    for (const entry of entries) {
      if (entry.kind === 'socket' || !selection.takes(entry)) continue
      tree.expected += 1
      const message = await difference(entry).catch((error: NodeJS.ErrnoException) => {
        if (error.code === undefined) throw error
        return `cannot be read (${error.code})`
      })
      if (message === null) tree.checked += 1
      else onDifference(pathText(entry.bytes).text, message)
    }
    await pause()
  }
  return tree
}
