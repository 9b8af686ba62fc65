import path from 'node:path'
import type { Archiver, Place } from '../archiver.ts'
import { type Command, runQuietly } from '../measure.ts'

/** As it is when nothing is asked of it: repository version 2, compression auto, always encrypted. */
export function createRestic(): Archiver {
  return {
    title: 'restic',
    tools: ['restic'],
    async prepare(place) {
      const { stages, env } = restic(place, 'init')
      await runQuietly(stages[0]!, env === undefined ? {} : { env })
    },
    store: (source, place) => restic(place, 'backup', source),
    restores: [
      {
        how: 'restic restore',
        command: (place, folder) => restic(place, 'restore', 'latest', '--target', folder),
        root: (source, _, folder) => path.join(folder, source),
        keeps: 'everything',
      },
    ],
  }
}

function restic({ archive, scratch }: Place, ...args: string[]): Command {
  const where = ['--quiet', '--repo', archive, '--cache-dir', path.join(scratch, 'cache')]
  return { stages: [['restic', ...where, ...args]], env: { RESTIC_PASSWORD: 'bench' } }
}
