import { readdirSync } from 'node:fs'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Archiver, Place, RestoreWay } from './archiver.ts'
import { decrypt, partsIn, type AgeKey } from './peers/tar.ts'

const main = fileURLToPath(new URL('../bin/bastion.mjs', import.meta.url))
const program = [process.execPath, main]
const jobId = 'bench'

type Format = 'archive_v1' | 'raw_tree_v1'

/**
 * One fixed configuration for every row: what the program does when nothing is asked of it. Format and encryption are what makes a row comparable with its peer.
 * @param options.remote it goes to a server
 */
export function createOurs({ format, key = null, remote = false }: { format: Format; key?: AgeKey | null; remote?: boolean }): Archiver {
  const restored: RestoreWay = {
    how: 'bastion restore',
    command: (place, folder) => {
      const identity = key === null ? [] : ['--identity', key.identityFile]
      return { stages: [[...program, 'restore', artifact(place), '--to', folder, ...identity]], env: place.server?.env ?? {} }
    },
    root: (source, _, folder) => path.join(folder, source),
    keeps: 'everything',
  }
  return {
    title: `bastion${format === 'archive_v1' ? '' : `, ${format}`}${key === null ? '' : ', encrypted'}`,
    // Those that open it without us.
    tools: format === 'archive_v1' ? ['tar', 'zstd', ...(key === null ? [] : ['age' as const])] : [],
    store(source, place) {
      const target = ['--to', place.server?.targetUrl ?? place.archive, '--new-target', '--data-dir', path.join(place.scratch, 'data')]
      const what = ['--job-id', jobId, '--snapshot', 'off', ...(format === 'archive_v1' ? [] : ['--format', format])]
      const encrypt = key === null ? [] : ['--encrypt-to', key.recipient]
      return { stages: [[...program, 'backup', source, ...target, ...what, ...encrypt]], env: place.server?.env ?? {} }
    },
    restores: remote ? [restored] : [restored, format === 'archive_v1' ? byStockCommand(key) : asItLies],
  }
}

/** What is worth measuring opens without us. */
function byStockCommand(key: AgeKey | null): RestoreWay {
  return {
    how: 'the command of RESTORE.md',
    command(place, folder) {
      const extract = ['tar', '-xp', '--numeric-owner', '--xattrs', '--xattrs-include=*', '--delay-directory-restore', '-C', folder]
      return { stages: [['cat', ...partsIn(runIn(place), 'payload.part')], ...decrypt(key), ['zstd', '-dc'], extract] }
    },
    root: (source, _, folder) => path.join(folder, source),
    keeps: 'everything',
  }
}

const asItLies: RestoreWay = {
  how: 'its own folder, without any tool',
  command: null,
  root: (source, place) => path.join(runIn(place), 'data', source),
  keeps: 'everything',
}

function artifact(place: Place): string {
  return place.server === null ? runIn(place) : `${place.server.targetUrl.replace(/\/$/, '')}/${jobId}@latest`
}

function runIn(place: Place): string {
  const job = path.join(place.archive, jobId)
  return path.join(job, readdirSync(job).at(-1)!)
}
