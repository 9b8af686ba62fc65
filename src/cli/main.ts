import { Command, CommanderError } from 'commander'
import pc from 'picocolors'
import { setFlagsFromString } from 'node:v8'
import { BastionError } from '../core/errors.ts'
import { callerDirectory, type CliContext } from './cli-context.ts'
import { addBackupCommand } from './commands/backup-command.ts'
import type { RunCommand } from './commands/command.ts'
import { addLookCommands } from './commands/look-commands.ts'
import { addRestoreCommand } from './commands/restore-command.ts'
import { addVerifyCommand } from './commands/verify-command.ts'
import { exitCodeOf, exitCodes } from './exit-code.ts'
import { version } from './version.ts'

// Buffers of frames lie outside the heap and go when the small objects that hold them do: a small young generation lets them go soon.
setFlagsFromString('--max-semi-space-size=2')

const stop = new AbortController()

for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
  process.on(name, () => {
    // Asked twice: do not wait for the clean-up. Without its marker what was stored is no artifact.
    if (stop.signal.aborted) process.exit(exitCodes.interrupted)
    stop.abort(new BastionError('canceled', `interrupted by ${name}`))
  })
}
// A reader that has seen enough (`| head`) is no failure of ours.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE') process.exit(exitCodes.ok)
  throw error
})

const context: CliContext = {
  cwd: callerDirectory(process.env),
  env: process.env,
  signal: stop.signal,
  out: (text) =>
    new Promise((resolve) => {
      if (process.stdout.write(text)) resolve()
      else process.stdout.once('drain', resolve)
    }),
  note: (text) => void process.stderr.write(text),
  terminalColumns: () => (process.stderr.isTTY ? process.stderr.columns : null),
}

const run: RunCommand = async (work) => {
  process.exitCode = await work(context)
}

const program = new Command('bastion')
  .description('Backups that stock tools open, honest about what changed while they were read.')
  .version(version)
  .showHelpAfterError('("bastion help COMMAND" shows what it takes)')
  .exitOverride()
addBackupCommand(program, run)
addRestoreCommand(program, run)
addVerifyCommand(program, run)
addLookCommands(program, run)

try {
  if (process.argv.length <= 2) program.outputHelp()
  else await program.parseAsync()
} catch (error) {
  if (error instanceof CommanderError) {
    process.exitCode = error.exitCode === 0 ? exitCodes.ok : exitCodes.usage
  } else {
    process.exitCode = exitCodeOf(error)
    tellFailure(error)
  }
}

/** An expected failure: sentence and next step. Anything else is a bug, shown with its stack. */
function tellFailure(error: unknown): void {
  if (process.argv.includes('--json')) {
    const known = error instanceof BastionError
    process.stdout.write(
      `${JSON.stringify({ kind: 'error', code: known ? error.code : 'internal', message: error instanceof Error ? error.message : String(error), ...(known ? { hint: error.hint, details: error.details } : {}) })}\n`,
    )
  }
  if (error instanceof BastionError) {
    process.stderr.write(`${pc.red(`bastion: ${error.message}`)}\n${error.code === 'canceled' ? '' : `${error.hint}\n`}`)
  } else {
    process.stderr.write(
      `${pc.red('bastion: internal error, please report it')}\n${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`,
    )
  }
}
