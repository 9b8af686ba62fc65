import { createCipheriv, createHash } from 'node:crypto'
import { closeSync, mkdirSync, openSync, symlinkSync, writeSync } from 'node:fs'
import path from 'node:path'
import { seed } from './seed.ts'

/** Bytes no compressor makes smaller, the same ones for the same seed and name, at the speed of AES. */
export interface ByteSource {
  /** The next `length` bytes; valid until the next call. */
  next(length: number): Buffer
}

export function seededBytes(name: string): ByteSource {
  const key = createHash('sha256').update(`${seed}/${name}`).digest()
  const cipher = createCipheriv('aes-256-ctr', key, Buffer.alloc(16))
  let zeros = Buffer.alloc(0)
  return {
    next(length) {
      if (zeros.length < length) zeros = Buffer.alloc(length)
      return cipher.update(zeros.subarray(0, length))
    },
  }
}

const pieceBytes = 4 * 1024 * 1024

/** A file of random bytes; of each 4 KiB the first `randomShare` are random and the rest zeros. */
export function writeSampleFile(file: string, sizeBytes: number, randomShare = 1): void {
  if (!Number.isInteger(sizeBytes)) throw new RangeError(`a file cannot have ${sizeBytes} bytes`)
  const bytes = seededBytes(path.basename(file))
  const fd = openSync(file, 'wx', 0o644)
  try {
    for (let at = 0; at < sizeBytes;) {
      const piece = bytes.next(Math.min(pieceBytes, sizeBytes - at))
      if (randomShare < 1) for (let page = 0; page < piece.length; page += 4096) piece.fill(0, page + Math.round(4096 * randomShare), page + 4096)
      at += writeSync(fd, piece)
    }
  } finally {
    closeSync(fd)
  }
}

export interface ManyFilesOptions {
  count: number
  /** in one directory; more make more directories */
  perDirectory: number
  sizeBytes: (random: number) => number
  /** begins every name */
  word?: string
}

/** Many small files of random bytes below `folder`, which is made. @returns their paths below `folder` */
export function writeManyFiles(folder: string, options: ManyFilesOptions): string[] {
  const { count, perDirectory, sizeBytes, word = 'file' } = options
  const bytes = seededBytes(path.basename(folder))
  const names: string[] = []
  for (let i = 0; i < count; i++) {
    const directory = `${word}s-${String(Math.floor(i / perDirectory)).padStart(5, '0')}`
    if (i % perDirectory === 0) mkdirSync(path.join(folder, directory), { recursive: true })
    const name = `${directory}/${word}-${String(i).padStart(7, '0')}.bin`
    const fd = openSync(path.join(folder, name), 'wx', 0o644)
    writeSync(fd, bytes.next(sizeBytes(bytes.next(4).readUInt32LE() / 2 ** 32)))
    closeSync(fd)
    names.push(name)
  }
  return names
}

/** The longest target a symbolic link can have. */
const linkTargetBytes = 4095

/**
 * Links whose targets are long and random, so that an index of them does not compress: each costs it three KiB, and eleven thousand make it outgrow its
 * memory limit.
 */
export function writeLongLinks(folder: string, count: number, word: string): void {
  mkdirSync(folder, { recursive: true })
  const bytes = seededBytes(path.basename(folder))
  for (let i = 0; i < count; i++) {
    const target = `${word}-target/${bytes.next(linkTargetBytes).toString('base64url')}`.slice(0, linkTargetBytes)
    symlinkSync(target, path.join(folder, `${word}-link-${String(i).padStart(6, '0')}`))
  }
}
