import type { Command } from 'commander'
import { capabilityName, checkReport } from '../../engine/targets/check-report.ts'
import { checkTarget, type CheckedCase, type TargetCheck } from '../../engine/targets/check-target.ts'
import { targetContract } from '../../engine/targets/contract.ts'
import { proveIdentity } from '../../engine/targets/target-identity.ts'
import { targetArgument } from '../arguments.ts'
import type { CliContext } from '../cli-context.ts'
import { dataDirectory } from '../data-directory.ts'
import { printableText } from '../entry-text.ts'
import { type ExitCode, exitCodes } from '../exit-code.ts'
import { openKnownTargets } from '../known-targets.ts'
import type { RunCommand } from './command.ts'

interface CheckCommandOptions {
  dataDir?: string
  json?: true
}

export function addTargetCommand(program: Command, run: RunCommand): void {
  program
    .command('target')
    .description('look after the places that keep artifacts')
    .command('check')
    .description('run the promises every target has to keep on your own storage, in a new directory that is removed again')
    .argument('<target>', 'a path or a URL')
    .option('--data-dir <dir>', 'where Bastion keeps its own data')
    .option('--json', 'the report as JSON')
    .action((target: string, options: CheckCommandOptions) => run((context) => checkCommand(target, options, context)))
}

async function checkCommand(name: string, options: CheckCommandOptions, context: CliContext): Promise<ExitCode> {
  const known = openKnownTargets(dataDirectory(context, options.dataDir))
  await using target = await targetArgument(name, context)
  // Another disk at the place of a known one is not the operator's target: nothing is written there.
  const expected = known.idOf(target.label)
  if (expected !== undefined) await proveIdentity(target, expected, context.signal)
  const json = options.json === true
  const check = await checkTarget(target, {
    signal: context.signal,
    onLeftover: (message) => context.note(`${printableText(message)}\n`),
    ...(!json && { onCase: (checked) => context.out(rowText(checked)) }),
  })
  if (json) await context.out(`${JSON.stringify(checkReport(target.label, check))}\n`)
  else await context.out(closingText(check))
  return check.ok ? exitCodes.ok : exitCodes.failed
}

const nameColumns = Math.max(...targetContract.filter(({ leavesPrefix }) => !leavesPrefix).map(({ name }) => name.length))

function rowText(checked: CheckedCase): string {
  const name = checked.name.padEnd(nameColumns)
  if (checked.status === 'failed') return `${name}  FAILED: ${printableText(checked.why)}\n`
  return `${name}  ${checked.status === 'ok' ? 'ok' : `not claimed (${checked.needs.map(capabilityName).join(', ')})`}\n`
}

function closingText({ cases, advice }: TargetCheck): string {
  const count = (status: CheckedCase['status']) => cases.filter((each) => each.status === status).length
  const lines = ['', `${count('ok')} ok, ${count('failed')} failed, ${count('not_claimed')} not claimed`]
  if (count('failed') > 0)
    lines.push('', 'What failed is a promise that backups rely on: keep none there before it holds, or before you know why it does not.')
  if (advice.length > 0) lines.push('', 'What the target does not have:')
  for (const { feature, meaning } of advice) lines.push(`  ${capabilityName(feature)}: ${meaning}`)
  return `${lines.join('\n')}\n`
}
