import path from 'node:path'
import type { Archiver, Place } from '../archiver.ts'
import { runQuietly } from '../measure.ts'

export type BorgEncryption = 'none' | 'repokey-blake2'

/** With the compression we have; `repokey-blake2` is the faster one of its ways to encrypt where the processor has no SHA instructions. */
export function createBorg(encryption: BorgEncryption): Archiver {
  return {
    title: `borg, zstd,3${encryption === 'none' ? '' : `, ${encryption}`}`,
    tools: ['borg'],
    async prepare(place) {
      await runQuietly(['borg', 'init', '--encryption', encryption, place.archive], { env: environment(place) })
    },
    store: (source, place) => ({
      stages: [['borg', 'create', '--compression', 'zstd,3', `${place.archive}::first`, source]],
      env: environment(place),
    }),
    restores: [
      {
        how: 'borg extract',
        command: (place, folder) => ({ stages: [['borg', 'extract', `${place.archive}::first`]], cwd: folder, env: environment(place) }),
        root: (source, _, folder) => path.join(folder, source),
        keeps: 'everything',
      },
    ],
  }
}

/** Its caches, settings and keys all go below one folder. */
function environment({ scratch }: Place): NodeJS.ProcessEnv {
  return { BORG_BASE_DIR: path.join(scratch, 'borg'), BORG_PASSPHRASE: 'bench' }
}
