import { readFileSync } from 'node:fs'
import { BastionError } from '../core/errors.ts'

/** The text of a file that somebody has named. @param said how the message names it, its path included @throws invalid_spec when it cannot be read */
export function readNamedFile(file: string, said: string = file): string {
  try {
    return readFileSync(file, 'utf8')
  } catch (error) {
    throw new BastionError('invalid_spec', `${said} cannot be read (${(error as NodeJS.ErrnoException).code ?? 'unknown'})`, { cause: error })
  }
}
