import { Command } from 'commander'
import { addBackupCommand } from './commands/backup-command.ts'
import type { RunCommand } from './commands/command.ts'
import { addLookCommands } from './commands/look-commands.ts'
import { addRestoreCommand } from './commands/restore-command.ts'
import { addRunnerCommand } from './commands/runner-command.ts'
import { addSnapshotCommands } from './commands/snapshot-commands.ts'
import { addTargetCommand } from './commands/target-command.ts'
import { addVerifyCommand } from './commands/verify-command.ts'
import { version } from './version.ts'

/** The command line as data: what the process runs, and what docs/reference/cli.md is made from. Parsing throws `CommanderError` where commander would exit. */
export function createProgram(run: RunCommand): Command {
  const program = new Command('bastion')
    .description('Backups that stock tools open, honest about what changed while they were read.')
    .version(version)
    .showHelpAfterError('("bastion help COMMAND" shows what it takes)')
    .exitOverride()
  addBackupCommand(program, run)
  addRestoreCommand(program, run)
  addVerifyCommand(program, run)
  addLookCommands(program, run)
  addRunnerCommand(program, run)
  addSnapshotCommands(program, run)
  addTargetCommand(program, run)
  return program
}
