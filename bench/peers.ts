import { mkdirSync, readdirSync } from 'node:fs'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { type Pipeline, runQuietly } from './measure.ts'

/** Keys of the encrypted rows: an age recipient, and the file that holds its identity. */
export interface AgeKey {
  recipient: string
  identityFile: string
}

/** One way to make an archive of a tree and to get the tree back. */
export interface Archiver {
  /** what the table calls it */
  title: string
  /** Archives the tree `source` into the empty folder `archive`. */
  store(source: string, archive: string): Pipeline
  /** Puts the tree back below the empty folder `folder`. */
  restore(archive: string, folder: string): Pipeline
  /** Where the tree `source` is then. */
  restoredRoot(source: string, folder: string): string
}

export interface Peer {
  archiver: Archiver
  tools: readonly (keyof typeof versionCommands)[]
}

const main = fileURLToPath(new URL('../bin/bastion.mjs', import.meta.url))
const jobId = 'bench'

/** One fixed configuration for every row: what the program does when nothing is asked of it. Encrypted or not is the only difference. */
export function createOurs(key: AgeKey | null): Archiver & { stockRestore(archive: string, folder: string): Pipeline } {
  const program = [process.execPath, main]
  const runIn = (archive: string): string => {
    const job = path.join(archive, 'target', jobId)
    return path.join(job, readdirSync(job).at(-1)!)
  }
  return {
    title: key === null ? 'bastion' : 'bastion, encrypted',
    store(source, archive) {
      const folders = ['--to', path.join(archive, 'target'), '--data-dir', path.join(archive, 'data')]
      const encrypt = key === null ? [] : ['--encrypt-to', key.recipient]
      return [[...program, 'backup', source, ...folders, '--job-id', jobId, '--new-target', '--snapshot', 'off', ...encrypt]]
    },
    restore(archive, folder) {
      const identity = key === null ? [] : ['--identity', key.identityFile]
      return [[...program, 'restore', runIn(archive), '--to', folder, ...identity]]
    },
    restoredRoot: (source, folder) => path.join(folder, source),
    /** The command of RESTORE.md: what is worth measuring opens without us. */
    stockRestore(archive, folder) {
      const extract = ['tar', '-xp', '--numeric-owner', '--xattrs', '--xattrs-include=*', '--delay-directory-restore', '-C', folder]
      return [['cat', ...partsIn(runIn(archive), 'payload.part')], ...decrypt(key), ['zstd', '-dc'], extract]
    },
  }
}

/** What people pipe together: no hashes, no index, no single file without reading all. Others (restic, borg, rsync, rclone) stand here when they are measured. */
export function createTarPeer(key: AgeKey | null): Peer {
  return {
    tools: key === null ? ['tar', 'zstd', 'split'] : ['tar', 'zstd', 'age', 'split'],
    archiver: {
      title: key === null ? 'tar | zstd -3 -T2 | split' : 'tar | zstd -3 -T2 | age | split',
      store: (source, archive) => [
        ['tar', '-cf', '-', '-C', path.dirname(source), path.basename(source)],
        ['zstd', '-q', '-3', '-T2', '-c'],
        ...(key === null ? [] : [['age', '-r', key.recipient]]),
        ['split', '-b', '32M', '-', path.join(archive, 'part.')],
      ],
      restore: (archive, folder) => [['cat', ...partsIn(archive, 'part.')], ...decrypt(key), ['zstd', '-dc'], ['tar', '-xp', '-C', folder]],
      restoredRoot: (source, folder) => path.join(folder, path.basename(source)),
    },
  }
}

const versionCommands = {
  tar: ['tar', '--version'],
  zstd: ['zstd', '--version'],
  age: ['age', '--version'],
  split: ['split', '--version'],
} as const

/** The first line of what each tool says of itself. */
export async function versionsOf(tools: Iterable<keyof typeof versionCommands>): Promise<Record<string, string>> {
  const versions: Record<string, string> = {}
  for (const tool of new Set(tools)) {
    const said = await runQuietly(versionCommands[tool])
    versions[tool] = said.trim().split('\n')[0] ?? ''
  }
  return versions
}

/** A key for one run of the benchmark. */
export async function makeAgeKey(folder: string): Promise<AgeKey> {
  mkdirSync(folder, { recursive: true })
  const identityFile = path.join(folder, 'key.txt')
  await runQuietly(['age-keygen', '-o', identityFile])
  return { identityFile, recipient: (await runQuietly(['age-keygen', '-y', identityFile])).trim() }
}

function decrypt(key: AgeKey | null): Pipeline {
  return key === null ? [] : [['age', '-d', '-i', key.identityFile]]
}

function partsIn(folder: string, prefix: string): string[] {
  const names = readdirSync(folder).filter((name) => name.startsWith(prefix))
  return names.sort().map((name) => path.join(folder, name))
}
