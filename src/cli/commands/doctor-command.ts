import type { Command } from 'commander'
import type { Finding } from '../../core/finding.ts'
import { diagnoseSnapshots } from '../../engine/snapshots/diagnose.ts'
import type { CliContext } from '../cli-context.ts'
import { dataDirectory } from '../data-directory.ts'
import { printableText } from '../entry-text.ts'
import { type ExitCode, exitCodes } from '../exit-code.ts'
import { printJson } from '../rows.ts'
import { snapshotServices } from '../snapshot-services.ts'
import { systemClock } from '../system-clock.ts'
import { collect, type RunCommand } from './command.ts'

interface DoctorOptions {
  dataDir?: string
  snapshotRoot: string[]
  json?: true
}

export function addDoctorCommand(program: Command, run: RunCommand): void {
  program
    .command('doctor')
    .description('look at this machine, its data directory and its Hub, and say what is wrong and what to do about it; changes nothing')
    .option('--snapshot-root <dir>', 'as if source snapshots of what is here were allowed; repeatable', collect, [] as string[])
    .option('--data-dir <dir>', 'where Bastion keeps its own data')
    .option('--json', 'as JSON lines')
    .action((options: DoctorOptions) =>
      run(async (context) => {
        const dataDir = dataDirectory(context, options.dataDir)
        const [{ diagnoseMachine }, { diagnoseHub }] = await Promise.all([import('../diagnose-machine.ts'), import('../diagnose-hub.ts')])
        const findings = [
          ...(await diagnoseMachine(dataDir)),
          ...(await diagnoseHub(dataDir, context, systemClock.now())),
          ...diagnoseSnapshots(snapshotServices(context, { dataDir, roots: options.snapshotRoot })),
        ]
        for (const finding of findings) await print(context, finding, options.json === true)
        return exitOf(findings)
      }),
    )
}

const marks = { ok: 'ok     ', note: 'note   ', problem: 'PROBLEM', failure: 'FAILED ' }

async function print(context: CliContext, finding: Finding, asJson: boolean): Promise<void> {
  if (asJson) return await printJson(context, finding)
  const { subject, state, message, hint } = finding
  await context.out(`${marks[state]}  ${subject}: ${printableText(message)}${hint === undefined ? '' : `. ${printableText(hint)}`}\n`)
}

function exitOf(findings: readonly Finding[]): ExitCode {
  if (findings.some(({ state }) => state === 'failure')) return exitCodes.failed
  return findings.some(({ state }) => state === 'problem') ? exitCodes.warnings : exitCodes.ok
}
