import { mkdir } from 'node:fs/promises'
import path from 'node:path'
import type { Scale } from './scale.ts'
import { writeLongLinks, writeManyFiles, writeSampleFile } from './sample-files.ts'

/** Stands in every name and link target of the corpus, and in nothing else. */
export const readableWord = 'readable-secret-name'

/** A tree that keeps a backup busy in each of its stages: small files, a large one, and links enough that the entries index is spilled to the disk. */
export async function writeKillCorpus(folder: string, scale: Scale): Promise<void> {
  await mkdir(folder, { recursive: true })
  const count = scale === 'full' ? 12_000 : 1_000
  writeManyFiles(path.join(folder, 'a-small'), { count, perDirectory: 200, sizeBytes: (random) => Math.floor(random * 8_192), word: readableWord })
  writeLongLinks(path.join(folder, 'b-links'), 12_000, readableWord)
  writeSampleFile(path.join(folder, `c-${readableWord}.bin`), (scale === 'full' ? 96 : 16) * 1024 * 1024)
  writeManyFiles(path.join(folder, 'd-small'), { count: count / 2, perDirectory: 200, sizeBytes: (random) => Math.floor(random * 8_192), word: readableWord })
}
