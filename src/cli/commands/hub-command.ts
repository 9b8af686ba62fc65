import type { Command } from 'commander'
import { exitCodes } from '../exit-code.ts'
import { addSettingFlags, givenFlags } from '../setting-flags.ts'
import type { RunCommand } from './command.ts'

export function addHubCommand(program: Command, run: RunCommand): void {
  const hub = program.command('hub').description('start the Hub: its API, its schedules and the node of this machine; what "bastion" alone does too')
  addSettingFlags(hub).action((options: { config?: string }) =>
    run(async (context) => {
      // What only a Hub needs is loaded for a Hub only.
      const { runHub } = await import('../run-hub.ts')
      await runHub({ flags: givenFlags(hub), config: options.config }, context)
      return exitCodes.ok
    }),
  )
}
