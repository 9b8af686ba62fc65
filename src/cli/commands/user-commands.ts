import type { Command } from 'commander'
import { askPassword } from '../ask-password.ts'
import { dataDirectory } from '../data-directory.ts'
import { exitCodes } from '../exit-code.ts'
import { systemClock } from '../system-clock.ts'
import type { RunCommand } from './command.ts'

export function addUserCommands(program: Command, run: RunCommand): void {
  program
    .command('user')
    .description('the people of the Hub of this machine')
    .command('reset-password')
    .description('give somebody another password and sign them out everywhere, while the Hub of this machine does not run')
    .argument('<name>', 'the user name')
    .option('--data-dir <dir>', 'where the Hub keeps its data')
    .action((username: string, options: { dataDir?: string }) =>
      run(async (context) => {
        const [{ resetPassword }, { defaultPasswordCost }] = await Promise.all([
          import('../../hub/reset-password.ts'),
          import('../../lib/password-hash.ts'),
        ])
        const directory = dataDirectory(context, options.dataDir)
        const password = await askPassword(context, { twice: true })
        await resetPassword({ dataDirectory: directory, username, password, passwordCost: defaultPasswordCost, clock: systemClock })
        return exitCodes.ok
      }),
    )
}
