import type { Command } from 'commander'
import { BastionError } from '../../core/errors.ts'
import { parseTarget, redactTarget } from '../../engine/targets/target-url.ts'
import type { RebuiltPage } from '../../protocol/http/maintenance-routes.ts'
import { type JobTargetInput, jobTargetKinds } from '../../protocol/job-spec.ts'
import type { OptionDescriptions } from '../../protocol/driver-description.ts'
import { targetDescriptions } from '../../protocol/target-descriptions.ts'
import { readIdentities } from '../arguments.ts'
import type { CliContext } from '../cli-context.ts'
import { type ExitCode, exitCodes } from '../exit-code.ts'
import { openHubSession } from '../hub-session.ts'
import { printJson, printRows } from '../rows.ts'
import type { RunCommand } from './command.ts'

interface RebuildOptions {
  node: string
  secret?: string
  identity?: string
  json?: true
}

/** Lines that are printed of each kind; the counts are of all. */
const shownAtMost = 100

export function addIndexCommands(program: Command, run: RunCommand): void {
  program
    .command('index')
    .description('what a Hub knows of targets')
    .command('rebuild')
    .description('let a Hub learn jobs, runs and artifacts from what a target holds; what it knows already stays')
    .argument('<target>', 'a path or a URL, as the node reaches it')
    .option('--node <id>', 'the node that can reach it', 'hub')
    .option('--secret <name>', 'the secret of that node that opens it')
    .option('--identity <file>', 'age identity file, to read what encrypted artifacts say of their job (default: BASTION_IDENTITY)')
    .option('--json', 'each page as a JSON line')
    .action((target: string, options: RebuildOptions) => run((context) => rebuildCommand(target, options, context)))
}

async function rebuildCommand(text: string, options: RebuildOptions, context: CliContext): Promise<ExitCode> {
  const target = jobTarget(text, options.secret, context)
  const identities = readIdentities(options.identity, context)
  const { client } = await openHubSession(context)
  const sum = { jobs: 0, runs: 0, artifacts: 0, known: 0, incomplete: 0, damaged: 0, missing: 0, foreign: 0 }
  let targetId: string | undefined
  for (let after: string | undefined; ;) {
    const page: RebuiltPage = await client.maintenance.rebuildIndex({
      body: {
        node_id: options.node,
        target,
        identities,
        ...(after !== undefined && { after }),
        ...(targetId !== undefined && { target_id: targetId }),
      },
    })
    targetId = page.target_id
    if (options.json === true) await printJson(context, page)
    else await printRows(context, rowsOf(page, sum))
    for (const name of ['jobs', 'runs', 'artifacts'] as const) sum[name] += page.learned[name]
    for (const name of ['known', 'incomplete'] as const) sum[name] += page[name]
    for (const name of ['damaged', 'missing', 'foreign'] as const) sum[name] += page[name].length
    if (page.next === null) break
    after = page.next
  }
  if (options.json !== true)
    await context.out(
      `learned ${sum.jobs} jobs, ${sum.runs} runs, ${sum.artifacts} artifacts; ${sum.known} artifacts were known; ${sum.damaged} damaged, ${sum.missing} missing, ${sum.foreign} not ours, ${sum.incomplete} incomplete\n`,
    )
  return sum.damaged + sum.missing > 0 ? exitCodes.warnings : exitCodes.ok
}

function rowsOf(page: RebuiltPage, shown: { damaged: number; missing: number; foreign: number }): string[][] {
  const few = <T>(of: readonly T[], before: number) => of.slice(0, Math.max(0, shownAtMost - before))
  return [
    ...few(page.damaged, shown.damaged).map(({ job_id, run_id, why }) => [`${job_id}/${run_id}`, `DAMAGED: ${why}`]),
    ...few(page.missing, shown.missing).map(({ job_id, run_id }) => [`${job_id}/${run_id}`, 'MISSING: the Hub takes it for present']),
    ...few(page.foreign, shown.foreign).map(({ path, why }) => [path === '' ? '/' : path, `not ours: ${why}`]),
  ]
}

/** What a Hub may be told of a target: its credentials are a secret of the node. @throws invalid_spec */
function jobTarget(text: string, secretName: string | undefined, context: CliContext): JobTargetInput {
  const { type, ...config } = parseTarget(text, context.cwd, context.env)
  if (!(jobTargetKinds as readonly string[]).includes(type))
    throw new BastionError('invalid_spec', `${redactTarget(text)} is nothing a Hub can reach`)
  const options: OptionDescriptions = targetDescriptions[type].options
  const shown = Object.entries(config).filter(([name, value]) => value !== undefined && options[name]?.secret !== true)
  return { type, ...Object.fromEntries(shown), ...(secretName !== undefined && { secret_name: secretName }) } as JobTargetInput
}
