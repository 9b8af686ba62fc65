import { Command } from 'commander'
import { addArtifactCommands } from './commands/artifact-commands.ts'
import { addBackupCommand } from './commands/backup-command.ts'
import { addConfigCommand } from './commands/config-command.ts'
import type { RunCommand } from './commands/command.ts'
import { addDoctorCommand } from './commands/doctor-command.ts'
import { addHubCommand } from './commands/hub-command.ts'
import { addIndexCommands } from './commands/index-commands.ts'
import { addJobCommands } from './commands/job-commands.ts'
import { addKeyCommands } from './commands/key-commands.ts'
import { addKeypackCommands } from './commands/keypack-commands.ts'
import { addLoginCommands } from './commands/login-commands.ts'
import { addLookCommands } from './commands/look-commands.ts'
import { addRemovalCommands } from './commands/removal-commands.ts'
import { addOperationCommands } from './commands/operation-commands.ts'
import { addRestoreCommand } from './commands/restore-command.ts'
import { addRetentionCommands } from './commands/retention-commands.ts'
import { addRunCommands } from './commands/run-commands.ts'
import { addRunnerCommand } from './commands/runner-command.ts'
import { addSecretCommands } from './commands/secret-commands.ts'
import { addSnapshotCommands } from './commands/snapshot-commands.ts'
import { addTargetCommand } from './commands/target-command.ts'
import { addUserCommands } from './commands/user-commands.ts'
import { addVerifyCommand } from './commands/verify-command.ts'
import { version } from './version.ts'

/** The command line as data: what the process runs, and what docs/reference/cli.md is made from. Parsing throws `CommanderError` where commander would exit. */
export function createProgram(run: RunCommand): Command {
  const program = new Command('bastion')
    .description('Backups that stock tools open, honest about what changed while they were read.')
    .version(version)
    .showHelpAfterError('("bastion help COMMAND" shows what it takes)')
    .exitOverride()
  addHubCommand(program, run)
  addLoginCommands(program, run)
  addJobCommands(program, run)
  addRunCommands(program, run)
  addArtifactCommands(program, run)
  addRetentionCommands(program, run)
  addIndexCommands(program, run)
  addOperationCommands(program, run)
  addSecretCommands(program, run)
  addKeyCommands(program, run)
  addKeypackCommands(program, run)
  addUserCommands(program, run)
  addConfigCommand(program, run)
  addBackupCommand(program, run)
  addRestoreCommand(program, run)
  addVerifyCommand(program, run)
  addLookCommands(program, run)
  addRemovalCommands(program, run)
  addRunnerCommand(program, run)
  addSnapshotCommands(program, run)
  addDoctorCommand(program, run)
  addTargetCommand(program, run)
  return program
}
