import type { Command } from 'commander'
import { runStatusSchema, type Run } from '../../core/run.ts'
import { exitCodes } from '../exit-code.ts'
import { followWork } from '../follow-work.ts'
import { openHubSession } from '../hub-session.ts'
import { oneOf } from '../one-of.ts'
import { printJson, printRows } from '../rows.ts'
import type { RunCommand } from './command.ts'

const jsonOption = ['--json', 'as JSON'] as const

export function addRunCommands(program: Command, run: RunCommand): void {
  const runs = program.command('run').description('the runs of a Hub')

  runs
    .command('list')
    .description('list the latest runs of a Hub')
    .option('--job <id>', 'of this job only')
    .option('--status <status>', `one of ${runStatusSchema.options.join(', ')}`)
    .option(...jsonOption)
    .action(({ job, status, json }: { job?: string; status?: string; json?: true }) =>
      run(async (context) => {
        const { client } = await openHubSession(context)
        const { items } = await client.runs.list({ query: { job_id: job, status: oneOf('--status', runStatusSchema, status) } })
        for (const one of items) await (json === true ? printJson(context, one) : printRows(context, [runRow(one)]))
        return exitCodes.ok
      }),
    )

  runs
    .command('show')
    .description('show one run of a Hub')
    .argument('<run>', 'its id')
    .action((id: string) =>
      run(async (context) => {
        const { client } = await openHubSession(context)
        await context.out(`${JSON.stringify(await client.runs.get({ params: { id } }), null, 2)}\n`)
        return exitCodes.ok
      }),
    )

  runs
    .command('follow')
    .description('print what happens in a run of a Hub until it ends, and exit as the run does')
    .argument('<run>', 'its id')
    .option(...jsonOption)
    .action((id: string, { json }: { json?: true }) =>
      run(async (context) => followWork(context, (await openHubSession(context)).client.runs, id, { json: json === true })),
    )

  runs
    .command('cancel')
    .description('ask a run of a Hub to stop')
    .argument('<run>', 'its id')
    .action((id: string) =>
      run(async (context) => {
        const { client } = await openHubSession(context)
        await client.runs.cancel({ params: { id } })
        return exitCodes.ok
      }),
    )
}

function runRow({
  id,
  job_id,
  status,
  outcome,
  created_at,
  grade,
  error_code,
  consistency_changed_total: changed,
  issues_total: issues,
}: Run): string[] {
  const what = outcome === 'warning' ? 'warning' : status
  const found = [...(changed > 0 ? [`${changed} changed`] : []), ...(issues > 0 ? [`${issues} unreadable`] : [])]
  return [id, job_id, new Date(created_at).toISOString(), what, ...[grade ?? error_code ?? []].flat(), ...found]
}
