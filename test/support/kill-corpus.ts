import { mkdir } from 'node:fs/promises'
import path from 'node:path'
import { writeLongLinks, writeManyFiles, writeSampleFile } from './sample-files.ts'
import type { Scale } from './scale.ts'

/** Stands in every name and link target of the corpus, and in nothing else. */
export const readableWord = 'readable-secret-name'

/** A tree that keeps a backup busy in each of its stages. Links come first, so many that soon the entries index is spilled to the disk. @returns how many entries but directories */
export async function writeKillCorpus(folder: string, scale: Scale): Promise<number> {
  await mkdir(folder, { recursive: true })
  const [smallFiles, largeBytes] = scale === 'full' ? [18_000, 128 * 2 ** 20] : [1_500, 48 * 2 ** 20]
  const small = { perDirectory: 200, sizeBytes: (random: number) => Math.floor(random * 8_192), word: readableWord }
  const links = 12_000
  writeLongLinks(path.join(folder, 'a-links'), links, readableWord)
  writeManyFiles(path.join(folder, 'b-small'), { count: smallFiles / 3, ...small })
  writeSampleFile(path.join(folder, `c-${readableWord}.bin`), largeBytes)
  writeManyFiles(path.join(folder, 'd-small'), { count: (smallFiles * 2) / 3, ...small })
  return links + smallFiles + 1
}
