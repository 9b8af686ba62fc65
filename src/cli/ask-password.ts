import { BastionError } from '../core/errors.ts'
import { askTerminal } from './ask-terminal.ts'
import type { CliContext } from './cli-context.ts'

/** BASTION_PASSWORD, or what a person types; `twice` when it is a new one. @throws invalid_spec */
export async function askPassword(context: CliContext, { twice }: { twice: boolean }): Promise<string> {
  const given = context.env['BASTION_PASSWORD']
  if (given !== undefined) return given
  const ask = (question: string) => askTerminal(question, { hidden: true, hint: 'Give BASTION_PASSWORD in the environment.', signal: context.signal })
  const password = await ask('Password')
  if (twice && (await ask('Once more')) !== password) throw new BastionError('invalid_spec', 'the two passwords are not the same')
  return password
}
