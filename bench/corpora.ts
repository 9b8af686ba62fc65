import { createCipheriv } from 'node:crypto'
import { existsSync, lstatSync, mkdirSync, readdirSync, renameSync, rmSync } from 'node:fs'
import { open, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { blake3 } from '@napi-rs/blake-hash'
import { seededRandom } from '../test/support/seed.ts'
import { runQuietly } from './measure.ts'
import { createTextSource, type TextSource } from './text-source.ts'

const kibibyte = 1024
const mebibyte = 1024 * kibibyte

export const corpusNames = ['a', 'b', 'c', 'd'] as const
export type CorpusName = (typeof corpusNames)[number]

export interface Corpus {
  name: CorpusName
  title: string
  /** the tree, an absolute path */
  root: string
}

export interface CorpusSizes {
  smallFiles: number
  fewSmallFiles: number
  largeFiles: number
  largeFileBytes: number
  treeBytes: number
}

/** What the figures in docs/proof are made with. */
export const fullSizes: CorpusSizes = {
  smallFiles: 100_000,
  fewSmallFiles: 2_000,
  largeFiles: 4,
  largeFileBytes: 768 * mebibyte,
  treeBytes: 1200 * mebibyte,
}
/** The same shapes in about a second, to see that everything runs. */
export const tinySizes: CorpusSizes = { smallFiles: 300, fewSmallFiles: 30, largeFiles: 2, largeFileBytes: 9 * mebibyte, treeBytes: 8 * mebibyte }

/** The same bytes on every machine, except for `c`, which is the machine's own. */
const seed = 20_261_121

/**
 * Makes what is missing of the corpora below `directory` and leaves the rest as it is:
 * `a` many small files, `b` few large ones, `c` a realistic tree, `d` the first of `a`: each a round trip to a server or more.
 */
export async function makeCorpora(
  directory: string,
  options: { names: readonly CorpusName[]; sizes: CorpusSizes; note: (text: string) => void },
): Promise<Corpus[]> {
  const { names, sizes, note } = options
  mkdirSync(directory, { recursive: true })
  const corpora: Corpus[] = []
  for (const name of names) {
    const { title, folder, make } = describeCorpus(name, sizes)
    const root = path.join(directory, folder)
    if (!existsSync(root)) {
      note(`making corpus ${folder} (${title}) …`)
      const unfinished = `${root}.unfinished`
      rmSync(unfinished, { recursive: true, force: true })
      mkdirSync(unfinished)
      await make(unfinished)
      renameSync(unfinished, root)
    }
    corpora.push({ name, title, root })
  }
  return corpora
}

interface CorpusDescription {
  title: string
  /** Its name holds the sizes, so that corpora of other sizes are other corpora. */
  folder: string
  make(root: string): Promise<void>
}

function describeCorpus(name: CorpusName, sizes: CorpusSizes): CorpusDescription {
  switch (name) {
    case 'a':
      return describeSmallFiles(name, sizes.smallFiles)
    case 'b':
      return {
        title: `${sizes.largeFiles} files of ${sizes.largeFileBytes / mebibyte} MiB, half of each incompressible`,
        folder: `b-${sizes.largeFiles}x${sizes.largeFileBytes / mebibyte}`,
        make: (root) => makeLargeFiles(root, sizes.largeFiles, sizes.largeFileBytes),
      }
    case 'c':
      return {
        title: `a part of /usr, up to ${sizes.treeBytes / mebibyte} MiB`,
        folder: `c-${sizes.treeBytes / mebibyte}`,
        make: (root) => copyRealTree(root, sizes.treeBytes),
      }
    case 'd':
      return describeSmallFiles(name, sizes.fewSmallFiles)
  }
}

function describeSmallFiles(name: CorpusName, count: number): CorpusDescription {
  return {
    title: `${count} files of 1–16 KiB, one in four incompressible`,
    folder: `${name}-${count}`,
    make: (root) => makeSmallFiles(root, count),
  }
}

const filesPerFolder = 500

/** Sizes lean to the small side, as in real trees: 1 KiB + 15 KiB × u², 6 KiB on average. */
async function makeSmallFiles(root: string, count: number): Promise<void> {
  const random = seededRandom(seed)
  const text = createTextSource(random)
  const noise = createNoise(1)
  const buffer = Buffer.alloc(16 * kibibyte)
  for (let number = 0; number < count; number++) {
    const folder = path.join(root, `group-${Math.floor(number / filesPerFolder / 20)}`, `folder-${Math.floor(number / filesPerFolder)}`)
    if (number % filesPerFolder === 0) mkdirSync(folder, { recursive: true })
    const bytes = buffer.subarray(0, kibibyte + Math.floor(15 * kibibyte * random() ** 2))
    const isText = random() < 0.75
    if (isText) text.fill(bytes)
    else noise.fill(bytes)
    await writeFile(path.join(folder, `${number}.${isText ? 'txt' : 'bin'}`), bytes)
  }
}

/** Stretches of 32 to 512 KiB, by turns text and noise. */
async function makeLargeFiles(root: string, count: number, sizeBytes: number): Promise<void> {
  const random = seededRandom(seed + 1)
  const text = createTextSource(random)
  const noise = createNoise(2)
  const buffer = Buffer.alloc(512 * kibibyte)
  for (let number = 0; number < count; number++) {
    await using file = await open(path.join(root, `image-${number}.raw`), 'wx')
    for (let written = 0, isText = true; written < sizeBytes; isText = !isText) {
      const bytes = buffer.subarray(0, Math.min(sizeBytes - written, 32 * kibibyte + Math.floor(480 * kibibyte * random())))
      if (isText) text.fill(bytes)
      else noise.fill(bytes)
      await file.writeFile(bytes)
      written += bytes.length
    }
  }
}

/**
 * Copies parts of /usr while they fit: what lies two levels deep, in the order of a hash of its name, because the alphabet would take one kind of thing only.
 * What differs between two machines, or after an upgrade, are the results on this corpus.
 */
async function copyRealTree(root: string, budgetBytes: number): Promise<void> {
  const source = '/usr'
  const candidates = directoriesIn(source).flatMap((top) => readdirSync(path.join(source, top)).map((name) => path.join(top, name)))
  const keyed = candidates.map((name) => ({ name, key: blake3(`${seed}/${name}`).toString('hex') }))
  keyed.sort((x, y) => (x.key < y.key ? -1 : 1))
  const chosen: string[] = []
  let leftBytes = budgetBytes
  for (const { name } of keyed) {
    const bytes = treeBytes(path.join(source, name), Math.min(leftBytes, budgetBytes / 4))
    if (bytes === null) continue
    chosen.push(name)
    leftBytes -= bytes
  }
  const perCommand = 500
  for (let at = 0; at < chosen.length; at += perCommand) {
    await runQuietly(['cp', '-a', '--parents', '--', ...chosen.slice(at, at + perCommand), root], { cwd: source })
  }
}

function directoriesIn(folder: string): string[] {
  const entries = readdirSync(folder, { withFileTypes: true })
  return entries.flatMap((entry) => (entry.isDirectory() ? [entry.name] : []))
}

/** `null` as soon as it is more than `maxBytes`. */
function treeBytes(place: string, maxBytes: number): number | null {
  const stats = lstatSync(place)
  let bytes = stats.isFile() ? stats.size : 0
  if (stats.isDirectory()) {
    for (const name of readdirSync(place)) {
      const below = treeBytes(path.join(place, name), maxBytes - bytes)
      if (below === null) return null
      bytes += below
    }
  }
  return bytes > maxBytes ? null : bytes
}

/** Bytes no compressor makes smaller: the key stream of a cipher. */
function createNoise(number: number): Pick<TextSource, 'fill'> {
  const key = Buffer.alloc(16)
  key.writeUInt32BE(seed, 0)
  key.writeUInt32BE(number, 4)
  const cipher = createCipheriv('aes-128-ctr', key, Buffer.alloc(16))
  const zeros = Buffer.alloc(512 * kibibyte)
  return { fill: (bytes) => bytes.set(cipher.update(zeros.subarray(0, bytes.length))) }
}
