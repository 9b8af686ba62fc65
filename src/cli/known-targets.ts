import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { z } from 'zod'
import { BastionError } from '../core/errors.ts'

const knownTargetsSchema = z.record(z.string(), z.string())

/** Which target was found at which place: another one there, or none, means another disk is mounted. Kept in the data directory. */
export interface KnownTargets {
  /** @throws invalid_spec when the file is there and cannot be used: then nobody can say that the target is the right one */
  idOf(label: string): string | undefined
  remember(label: string, targetId: string): void
}

export function openKnownTargets(dataDirectory: string): KnownTargets {
  const file = join(dataDirectory, 'known-targets.json')
  const read = (): Record<string, string> => {
    try {
      return knownTargetsSchema.parse(JSON.parse(readFileSync(file, 'utf8')))
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException
      if (code === 'ENOENT') return {}
      throw new BastionError(
        'invalid_spec',
        `the data directory cannot be used: ${file} cannot be ${code === undefined ? 'understood' : `read (${code})`}`,
        {
          cause: error,
          hint: 'Name another one with --data-dir, or remove the file: it says which targets were used before.',
        },
      )
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
