import { mkdir } from 'node:fs/promises'
import path from 'node:path'
import { writeLongLinks, writeManyFiles, writeSampleFile } from './sample-files.ts'
import type { Scale } from './scale.ts'

/** Stands in every name and link target of the corpus, and in nothing else. */
export const readableWord = 'readable-secret-name'

/** So many of these that an index of them outgrows its memory limit. */
const linksToSpill = 12_000

/**
 * A tree that keeps a backup busy in each of its stages. At full scale links come first, so many that soon the entries index is spilled to the disk.
 * @returns how many entries but directories
 */
export async function writeKillCorpus(folder: string, scale: Scale): Promise<number> {
  await mkdir(folder, { recursive: true })
  const [links, smallFiles, largeBytes] = scale === 'full' ? [linksToSpill, 18_000, 128 * 2 ** 20] : [300, 1_500, 48 * 2 ** 20]
  const small = { perDirectory: 200, sizeBytes: (random: number) => Math.floor(random * 8_192), word: readableWord }
  writeLongLinks(path.join(folder, 'a-links'), links, readableWord)
  writeManyFiles(path.join(folder, 'b-small'), { count: smallFiles / 3, ...small })
  writeSampleFile(path.join(folder, `c-${readableWord}.bin`), largeBytes)
  writeManyFiles(path.join(folder, 'd-small'), { count: (smallFiles * 2) / 3, ...small })
  return links + smallFiles + 1
}

/** A tree whose entries index is spilled to the disk, and little else. */
export function writeSpillCorpus(folder: string): void {
  writeLongLinks(path.join(folder, 'a-links'), linksToSpill, readableWord)
  writeSampleFile(path.join(folder, `b-${readableWord}.bin`), 32 * 2 ** 20)
}
