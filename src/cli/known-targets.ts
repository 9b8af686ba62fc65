import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { z } from 'zod'

const knownTargetsSchema = z.record(z.string(), z.string())

/** Which target was found at which place: another one there, or none, means another disk is mounted. Kept in the data directory. */
export interface KnownTargets {
  idOf(label: string): string | undefined
  remember(label: string, targetId: string): void
}

export function openKnownTargets(dataDirectory: string): KnownTargets {
  const file = join(dataDirectory, 'known-targets.json')
  const read = (): Record<string, string> => {
    try {
      return knownTargetsSchema.parse(JSON.parse(readFileSync(file, 'utf8')))
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return {}
      throw error
    }
  }
  return {
    idOf: (label) => read()[label],
    remember(label, targetId) {
      const known = read()
      if (known[label] === targetId) return
      mkdirSync(dataDirectory, { recursive: true, mode: 0o700 })
      const temporary = `${file}.${process.pid}.tmp`
      writeFileSync(temporary, `${JSON.stringify({ ...known, [label]: targetId }, null, 2)}\n`, { mode: 0o600 })
      renameSync(temporary, file)
    },
  }
}
