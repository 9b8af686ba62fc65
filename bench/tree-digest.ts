import { closeSync, constants, lstatSync, openSync, readdirSync, readlinkSync, readSync } from 'node:fs'
import { Blake3Hasher } from '@napi-rs/blake-hash'

export interface TreeDigest {
  files: number
  bytes: number
  /** BLAKE3 over every entry's name, kind, permissions, size, link target and content */
  hash: string
}

/**
 * What a tree is, in a few words, so that two of them can be compared. Without times: plain tar keeps seconds only.
 * @param of `contents` leaves out permissions, for who does not keep them
 */
export function digestTree(root: string, of: 'everything' | 'contents'): TreeDigest {
  const hasher = new Blake3Hasher()
  const buffer = Buffer.alloc(1024 * 1024)
  const digest = { files: 0, bytes: 0 }

  function content(file: Buffer): void {
    const fd = openSync(file, 'r')
    try {
      for (let got = readSync(fd, buffer); got > 0; got = readSync(fd, buffer)) hasher.update(buffer.subarray(0, got))
    } finally {
      closeSync(fd)
    }
  }

  function visit(place: Buffer, name: Buffer): void {
    const stats = lstatSync(place)
    const size = stats.isFile() ? stats.size : 0
    hasher.update(name)
    hasher.update(`\0${of === 'everything' ? stats.mode : stats.mode & constants.S_IFMT} ${size}\0`)
    if (stats.isSymbolicLink()) hasher.update(readlinkSync(place, { encoding: 'buffer' }))
    if (stats.isFile()) {
      digest.files += 1
      digest.bytes += size
      content(place)
    }
    if (!stats.isDirectory()) return
    const names = readdirSync(place, { encoding: 'buffer' }).sort(Buffer.compare)
    for (const below of names) visit(Buffer.concat([place, Buffer.from('/'), below]), below)
    hasher.update('\0..')
  }

  visit(Buffer.from(root), Buffer.alloc(0))
  return { ...digest, hash: hasher.digest('hex') }
}

/** What differs, in words; `null` when nothing does. */
export function differenceOf(expected: TreeDigest, found: TreeDigest): string | null {
  if (found.files !== expected.files) return `${found.files} files of ${expected.files}`
  if (found.bytes !== expected.bytes) return `${found.bytes} bytes of ${expected.bytes}`
  return found.hash === expected.hash ? null : 'names, modes, links or contents differ'
}
