import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { z } from 'zod'
import { storeDurably } from '../lib/durable-file.ts'

const localTargetsSchema = z.array(z.string())

/** The folders of this machine that runs have written to: never part of a source, so that backups do not hold backups. */
export interface LocalTargets {
  readonly paths: readonly string[]
  /** Durable when it resolves. @throws the system's error */
  remember(path: string): Promise<void>
}

/** Kept in the data directory. @throws Error when the file is there and cannot be understood */
export async function openLocalTargets(dataDir: string): Promise<LocalTargets> {
  const file = join(dataDir, 'local-targets.json')
  let paths = await read(file)
  let writing: Promise<void> = Promise.resolve()
  return {
    get paths() {
      return paths
    },
    async remember(path) {
      if (!paths.includes(path)) paths = [...paths, path].toSorted()
      // One after the other, and each writes all that is known by then.
      writing = writing.catch(() => {}).then(() => storeDurably(file, `${JSON.stringify(paths, null, 2)}\n`))
      await writing
    },
  }
}

async function read(file: string): Promise<readonly string[]> {
  try {
    return localTargetsSchema.parse(JSON.parse(await readFile(file, 'utf8')))
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return []
    throw error
  }
}
