import { readdirSync } from 'node:fs'
import path from 'node:path'
import type { Archiver } from '../archiver.ts'
import { type Pipeline, runQuietly } from '../measure.ts'

/** Keys of the encrypted rows: an age recipient, and the file that holds its identity. */
export interface AgeKey {
  recipient: string
  identityFile: string
}

/** What people pipe together: no hashes, no index, no single file without reading all. */
export function createTar(key: AgeKey | null): Archiver {
  return {
    title: key === null ? 'tar | zstd -3 -T2 | split' : 'tar | zstd -3 -T2 | age | split',
    tools: key === null ? ['tar', 'zstd', 'split'] : ['tar', 'zstd', 'age', 'split'],
    store: (source, { archive }) => ({
      stages: [
        ['tar', '-cf', '-', '-C', path.dirname(source), path.basename(source)],
        ['zstd', '-q', '-3', '-T2', '-c'],
        ...(key === null ? [] : [['age', '-r', key.recipient]]),
        ['split', '-b', '32M', '-', path.join(archive, 'part.')],
      ],
    }),
    restores: [
      {
        how: key === null ? 'cat | zstd -d | tar -x' : 'cat | age -d | zstd -d | tar -x',
        command: ({ archive }, folder) => ({
          stages: [['cat', ...partsIn(archive, 'part.')], ...decrypt(key), ['zstd', '-dc'], ['tar', '-xp', '-C', folder]],
        }),
        root: (source, _, folder) => path.join(folder, path.basename(source)),
        keeps: 'everything',
      },
    ],
  }
}

/** A key for one run of the benchmark. */
export async function makeAgeKey(folder: string): Promise<AgeKey> {
  const identityFile = path.join(folder, 'key.txt')
  await runQuietly(['age-keygen', '-o', identityFile])
  return { identityFile, recipient: (await runQuietly(['age-keygen', '-y', identityFile])).trim() }
}

export function decrypt(key: AgeKey | null): Pipeline {
  return key === null ? [] : [['age', '-d', '-i', key.identityFile]]
}

export function partsIn(folder: string, prefix: string): string[] {
  const names = readdirSync(folder).filter((name) => name.startsWith(prefix))
  return names.sort().map((name) => path.join(folder, name))
}
