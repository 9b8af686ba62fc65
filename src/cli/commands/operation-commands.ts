import type { Command } from 'commander'
import type { Client } from '../../client/client.ts'
import { BastionError } from '../../core/errors.ts'
import { type ConflictPolicy, type Operation, operationKindSchema, operationSchema, type VerifyLevel } from '../../core/operation.ts'
import type { JobTarget } from '../../protocol/job-spec.ts'
import type { CliContext } from '../cli-context.ts'
import { type ExitCode, exitCodes } from '../exit-code.ts'
import { followWork } from '../follow-work.ts'
import { openHubSession } from '../hub-session.ts'
import { oneOf } from '../one-of.ts'
import { readJson } from '../read-json.ts'
import { printJson, printRows } from '../rows.ts'
import { collect, type RunCommand } from './command.ts'

const jsonOption = ['--json', 'as JSON'] as const
const followOption = ['--follow', 'print what happens until it ends, and exit as it does'] as const
const statusSchema = operationSchema.shape.status

interface AskOptions {
  follow?: true
  json?: true
}
interface RestoreOptions extends AskOptions {
  to?: string
  toTarget?: string
  only: string[]
  conflict: string
  damaged?: true
  plan?: true
}

export function addOperationCommands(program: Command, run: RunCommand): void {
  const operations = program.command('operation').description('what a Hub does with artifacts: restores, verifications and drills')

  operations
    .command('restore')
    .description('have a Hub restore the artifact of a run, or some of it')
    .argument('<run>', 'its id')
    .option('--to <dir>', 'a directory of the node, below its restore roots; a new one of its own there when none is given')
    .option('--to-target <file>', 'a target instead, as JSON, as a job names one; - reads it from stdin')
    .option('--only <glob>', 'only what matches, with everything below it; repeatable', collect, [])
    .option('--conflict <policy>', 'what is there already: fail, skip, overwrite or rename', 'fail')
    .option('--damaged', 'restore what is whole of a damaged artifact')
    .option('--plan', 'say what it would do, and do nothing')
    .option(...followOption)
    .option(...jsonOption)
    .action((id: string, options: RestoreOptions) =>
      run(async (context) => {
        const { client } = await openHubSession(context)
        const params = { id }
        const { only, conflict, damaged = false, plan } = options
        // The Hub looks at what it is given.
        const body = { destination: await destinationOf(options, context), only, conflict: conflict as ConflictPolicy, damaged }
        if (plan === true) {
          await context.out(`${JSON.stringify(await client.operations.planRestore({ params, body }), null, 2)}\n`)
          return exitCodes.ok
        }
        return asked(context, client, await client.operations.restore({ params, body }), options)
      }),
    )

  operations
    .command('verify')
    .description('have a Hub prove that the artifact of a run is whole')
    .argument('<run>', 'its id')
    .option('--level <level>', 'chain (marker, manifest, sizes), sample or full (every byte)', 'full')
    .option('--sample <percent>', 'with "sample": at least so much of the content', '5')
    .option(...followOption)
    .option(...jsonOption)
    .action((id: string, { level, sample, ...options }: AskOptions & { level: string; sample: string }) =>
      run(async (context) => {
        const { client } = await openHubSession(context)
        const body = { level: level as VerifyLevel, sample_percent: Number(sample) }
        return asked(context, client, await client.operations.verify({ params: { id }, body }), options)
      }),
    )

  operations
    .command('drill')
    .description('have a Hub prove that the artifact of a run can be restored, by restoring it into a temporary directory')
    .argument('<run>', 'its id')
    .option(...followOption)
    .option(...jsonOption)
    .action((id: string, options: AskOptions) =>
      run(async (context) => {
        const { client } = await openHubSession(context)
        return asked(context, client, await client.operations.drill({ params: { id } }), options)
      }),
    )

  operations
    .command('list')
    .description('list the latest operations of a Hub')
    .option('--run <id>', 'on the artifact of this run only')
    .option('--job <id>', 'of this job only')
    .option('--kind <kind>', `one of ${operationKindSchema.options.join(', ')}`)
    .option('--status <status>', `one of ${statusSchema.options.join(', ')}`)
    .option(...jsonOption)
    .action(({ run: runId, job, kind, status, json }: { run?: string; job?: string; kind?: string; status?: string; json?: true }) =>
      run(async (context) => {
        const { client } = await openHubSession(context)
        const query = {
          run_id: runId,
          job_id: job,
          kind: oneOf('--kind', operationKindSchema, kind),
          status: oneOf('--status', statusSchema, status),
        }
        const { items } = await client.operations.list({ query })
        for (const one of items) await (json === true ? printJson(context, one) : printRows(context, [operationRow(one)]))
        return exitCodes.ok
      }),
    )

  operations
    .command('show')
    .description('show one operation of a Hub, with what it has found')
    .argument('<operation>', 'its id')
    .action((id: string) =>
      run(async (context) => {
        const { client } = await openHubSession(context)
        await context.out(`${JSON.stringify(await client.operations.get({ params: { id } }), null, 2)}\n`)
        return exitCodes.ok
      }),
    )

  operations
    .command('follow')
    .description('print what happens in an operation of a Hub until it ends, and exit as it does')
    .argument('<operation>', 'its id')
    .option(...jsonOption)
    .action((id: string, { json }: { json?: true }) =>
      run(async (context) => followWork(context, (await openHubSession(context)).client.operations, id, { json: json === true })),
    )

  operations
    .command('cancel')
    .description('ask an operation of a Hub to stop')
    .argument('<operation>', 'its id')
    .action((id: string) =>
      run(async (context) => {
        const { client } = await openHubSession(context)
        await client.operations.cancel({ params: { id } })
        return exitCodes.ok
      }),
    )
}

async function asked(context: CliContext, client: Client, made: { operation_id: string }, { follow, json }: AskOptions): Promise<ExitCode> {
  if (follow === true) return followWork(context, client.operations, made.operation_id, { json: json === true })
  await (json === true ? printJson(context, made) : context.out(`${made.operation_id}\n`))
  return exitCodes.ok
}

async function destinationOf({ to, toTarget }: RestoreOptions, context: CliContext) {
  if (to !== undefined && toTarget !== undefined) throw new BastionError('invalid_spec', '--to and --to-target: one of them')
  if (toTarget !== undefined) return { type: 'target' as const, target: (await readJson(toTarget, context)) as JobTarget }
  return { type: 'directory' as const, ...(to !== undefined && { path: to }) }
}

function operationRow({ id, kind, run_id, status, outcome, created_at, error }: Operation): string[] {
  const what = outcome === 'warning' ? 'warning' : status
  return [id, kind.padEnd(7), run_id, new Date(created_at).toISOString(), what, ...(error === null ? [] : [error.message])]
}
