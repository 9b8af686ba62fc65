import { resolve } from 'node:path'
import type { Command } from 'commander'
import { BastionError } from '../../core/errors.ts'
import { runRunner } from '../../executor/runner.ts'
import { serveRequest } from '../../executor/serve-request.ts'
import { workInBackground } from '../../lib/background-priority.ts'
import { exitCodes } from '../exit-code.ts'
import { systemClock } from '../system-clock.ts'
import { producer } from '../version.ts'
import type { RunCommand } from './command.ts'

/** What an executor starts for each run, and for each request that takes longer than a moment. Not for people. */
export function addRunnerCommand(program: Command, run: RunCommand): void {
  program
    .command('runner', { hidden: true })
    .description('carry out the run of a directory, or answer the request on stdin')
    .argument('[directory]', 'of the run')
    .option('--request', 'answer a request')
    .action((directory: string | undefined, options: { request?: true }) =>
      run(async (context) => {
        const { signal, note, env, out } = context
        const common = { clock: systemClock, signal, path: env['PATH'] ?? '', note: (text: string) => note(`${text}\n`) }
        if (options.request === true) await serveRequest(process.stdin, { ...common, write: out })
        else if (directory === undefined) throw new BastionError('invalid_spec', 'runner needs the directory of a run, or --request')
        else {
          // A backup is never what a machine is for: the Hub, and whoever works here, goes first.
          workInBackground()
          await runRunner(resolve(context.cwd, directory), { ...common, producer })
        }
        return exitCodes.ok
      }),
    )
}
