import type { Command } from 'commander'
import { askPassword } from '../ask-password.ts'
import { askTerminal } from '../ask-terminal.ts'
import { exitCodes } from '../exit-code.ts'
import { openHubSession } from '../hub-session.ts'
import type { RunCommand } from './command.ts'

interface LoginOptions {
  username?: string
  setupToken?: string
}

export function addLoginCommands(program: Command, run: RunCommand): void {
  program
    .command('login')
    .description('sign in to a Hub; at one that is new, make its first administrator')
    .argument('[hub]', 'its address; without one BASTION_HUB_URL, the Hub signed in to last, or the one of this machine')
    .option('--username <name>', 'who; asked for without it')
    .option('--setup-token <token>', 'what a new Hub printed when it started, where it asks for that')
    .action((hub: string | undefined, options: LoginOptions) =>
      run(async (context) => {
        const session = await openHubSession(context, hub)
        const { initialized } = await session.client.setup.status()
        if (!initialized) context.note(`The Hub at ${session.hubUrl} has no administrator yet. Choose a name and a password.\n`)
        const username = options.username ?? (await askTerminal('User name', { hidden: false, signal: context.signal }))
        const password = await askPassword(context, { twice: !initialized })
        const signedIn = initialized
          ? await session.client.auth.login({ body: { username, password } })
          : await session.client.setup.initialize({ body: { username, password, setup_token: options.setupToken } })
        session.keep(signedIn.csrf_token)
        await context.out(`Signed in to ${session.hubUrl} as ${signedIn.user.username} (${signedIn.user.role}).\n`)
        return exitCodes.ok
      }),
    )

  program
    .command('logout')
    .description('end the session of this command line with its Hub')
    .action(() =>
      run(async (context) => {
        const session = await openHubSession(context)
        await session.client.auth.logout()
        session.keep(null)
        return exitCodes.ok
      }),
    )
}
