import { CommanderError } from 'commander'
import pc from 'picocolors'
import { BastionError } from '../core/errors.ts'
import { mebibyte } from '../core/pipeline-spec.ts'
import { limitHeapGrowth } from '../lib/heap-growth.ts'
import { callerDirectory, type CliContext } from './cli-context.ts'
import type { RunCommand } from './commands/command.ts'
import { lookCommandNames } from './commands/look-commands.ts'
import { printableText } from './entry-text.ts'
import { exitCodeOf, exitCodes } from './exit-code.ts'
import { createProgram } from './program.ts'
import { createStandardOutput } from './standard-output.ts'

limitHeapGrowth({ youngBytes: 16 * mebibyte, easyBytes: 96 * mebibyte })

const stop = new AbortController()

for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
  process.on(name, () => {
    // Asked twice: do not wait for the clean-up. Without its marker what was stored is no artifact.
    if (stop.signal.aborted) process.exit(exitCodes.interrupted)
    stop.abort(new BastionError('canceled', `interrupted by ${name}`))
  })
}

const out = createStandardOutput(process.stdout, () => {
  // A reader that has seen enough (`| head`) ends what only looks. A backup, a restore and a verification go on to their end, unread.
  if (lookCommandNames.has(process.argv[2] ?? '')) process.exit(exitCodes.ok)
})
// Nobody left to tell.
process.stderr.on('error', () => {})

const context: CliContext = {
  cwd: callerDirectory(process.env),
  env: process.env,
  signal: stop.signal,
  out,
  note: (text) => void process.stderr.write(text),
  terminalColumns: () => (process.stderr.isTTY ? process.stderr.columns : null),
}

const run: RunCommand = async (work) => {
  process.exitCode = await work(context)
}

const program = createProgram(run)

try {
  await program.parseAsync(process.argv.length <= 2 ? [...process.argv, 'hub'] : process.argv)
} catch (error) {
  if (error instanceof CommanderError) {
    process.exitCode = error.exitCode === 0 ? exitCodes.ok : exitCodes.usage
  } else {
    process.exitCode = exitCodeOf(error)
    await tellFailure(error)
  }
}

/** An expected failure: sentence and next step. Anything else is a bug, shown with its stack. */
async function tellFailure(error: unknown): Promise<void> {
  if (process.argv.includes('--json')) {
    const known = error instanceof BastionError
    await out(
      `${JSON.stringify({ kind: 'error', code: known ? error.code : 'internal', message: error instanceof Error ? error.message : String(error), ...(known ? { hint: error.hint, details: error.details } : {}) })}\n`,
    )
  }
  if (error instanceof BastionError) {
    context.note(`${pc.red(`bastion: ${printableText(error.message)}`)}\n${error.code === 'canceled' ? '' : `${printableText(error.hint)}\n`}`)
  } else {
    context.note(
      `${pc.red('bastion: internal error, please report it')}\n${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`,
    )
  }
}
