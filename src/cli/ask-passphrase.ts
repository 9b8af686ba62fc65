import { resolve } from 'node:path'
import { BastionError } from '../core/errors.ts'
import { askTerminal } from './ask-terminal.ts'
import type { CliContext } from './cli-context.ts'
import { readNamedFile } from './read-named-file.ts'

/**
 * A passphrase from the first line of `file`, from BASTION_PASSPHRASE, or as a person types it; `twice` when it is a new one. Never from the command line, which
 * every user of the machine can read.
 * @throws invalid_spec
 */
export async function askPassphrase(context: CliContext, { file, twice }: { file: string | undefined; twice: boolean }): Promise<string> {
  const given = file === undefined ? context.env['BASTION_PASSPHRASE'] : firstLine(resolve(context.cwd, file))
  if (given !== undefined) return given
  const hint = 'Give --passphrase-file FILE, or BASTION_PASSPHRASE in the environment.'
  const ask = (question: string) => askTerminal(question, { hidden: true, hint, signal: context.signal })
  const passphrase = await ask('Passphrase of the keypack')
  if (twice && (await ask('Once more')) !== passphrase) throw new BastionError('invalid_spec', 'the two passphrases are not the same')
  return passphrase
}

function firstLine(file: string): string {
  return readNamedFile(file, `the passphrase file ${file}`).split(/\r?\n/, 1)[0]!
}
