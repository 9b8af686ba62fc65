import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { text } from 'node:stream/consumers'
import { BastionError } from '../core/errors.ts'
import type { CliContext } from './cli-context.ts'

/** A file as JSON; `-` is stdin. @throws invalid_spec */
export async function readJson(file: string, context: CliContext): Promise<unknown> {
  try {
    return JSON.parse(file === '-' ? await text(process.stdin) : readFileSync(resolve(context.cwd, file), 'utf8'))
  } catch (error) {
    throw new BastionError('invalid_spec', `${file} cannot be read as JSON: ${(error as Error).message}`, { cause: error })
  }
}
