import type { Command } from 'commander'
import { BastionError } from '../../core/errors.ts'
import type { Job, JobSpecInput } from '../../protocol/job-spec.ts'
import { allPages } from '../../client/all-pages.ts'
import { exitCodes } from '../exit-code.ts'
import { openHubSession } from '../hub-session.ts'
import { followWork } from '../follow-work.ts'
import { readJson } from '../read-json.ts'
import { printJson, printRows } from '../rows.ts'
import type { RunCommand } from './command.ts'

const jsonOption = ['--json', 'as JSON'] as const

export function addJobCommands(program: Command, run: RunCommand): void {
  const job = program.command('job').description('the jobs of a Hub')

  job
    .command('list')
    .description('list the jobs of a Hub, the newest first')
    .option('--archived', 'those that were put aside')
    .option(...jsonOption)
    .action(({ archived, json }: { archived?: true; json?: true }) =>
      run(async (context) => {
        const { client } = await openHubSession(context)
        for await (const one of allPages((cursor) => client.jobs.list({ query: { archived: archived === true ? 'true' : 'false', cursor } })))
          await (json === true ? printJson(context, one) : printRows(context, [jobRow(one)]))
        return exitCodes.ok
      }),
    )

  job
    .command('create')
    .description('make a job of a Hub from JSON; all but name, source and target has a default')
    .argument('<file>', 'the job as JSON, as docs/reference/openapi.json describes it; - reads it from stdin')
    .option(...jsonOption)
    .action((file: string, { json }: { json?: true }) =>
      run(async (context) => {
        const { client } = await openHubSession(context)
        // The Hub looks at what it is given.
        const made = await client.jobs.create({ body: (await readJson(file, context)) as JobSpecInput })
        await (json === true ? printJson(context, made) : context.out(`${made.id}\n`))
        return exitCodes.ok
      }),
    )

  job
    .command('run')
    .description('ask for a run of a job of a Hub')
    .argument('<job>', 'its id')
    .option('--follow', 'print what happens until it ends, and exit as the run does')
    .option(...jsonOption)
    .action((id: string, { follow, json }: { follow?: true; json?: true }) =>
      run(async (context) => {
        const { client } = await openHubSession(context)
        const asked = await client.jobs.run({ params: { id } })
        if (asked.result === 'rejected') {
          throw new BastionError('conflict', 'the job is running, and its overlap policy allows no second run', { hint: 'Wait for its end.' })
        }
        if (follow === true) return followWork(context, client.runs, asked.run_id, { json: json === true })
        await (json === true ? printJson(context, asked) : context.out(`${asked.run_id}\n`))
        return exitCodes.ok
      }),
    )
}

function jobRow({ id, name, schedule, next_run_at, last_run }: Job): string[] {
  const next = next_run_at === null ? (schedule ?? 'by hand') : new Date(next_run_at).toISOString()
  return [id, name, next, last_run === null ? 'never ran' : `${last_run.status} ${new Date(last_run.created_at).toISOString()}`]
}
