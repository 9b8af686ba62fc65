import type { Command } from 'commander'
import type { Client } from '../../client/client.ts'
import type { JobRetention } from '../../core/retention.ts'
import { retentionRules } from '../../core/retention-rules.ts'
import type { RetentionPreview, RetentionState, ShownBrake } from '../../protocol/http/retention-routes.ts'
import type { CliContext } from '../cli-context.ts'
import { exitCodes } from '../exit-code.ts'
import { openHubSession } from '../hub-session.ts'
import { readJson } from '../read-json.ts'
import { printJson, printRows } from '../rows.ts'
import type { RunCommand } from './command.ts'

const jsonOption = ['--json', 'as JSON'] as const
const jobArgument = ['<job>', 'its id'] as const
const runArgument = ['<run>', 'the run that stored the artifact'] as const

/** What the jobs of a Hub keep, and what stops the rest from being deleted. */
export function addRetentionCommands(program: Command, run: RunCommand): void {
  const retention = program.command('retention').description('what jobs of a Hub keep of their artifacts')

  retention
    .command('show')
    .description('show what a job keeps, and which brakes are on')
    .argument(...jobArgument)
    .option(...jsonOption)
    .action((id: string, { json }: { json?: true }) =>
      run(async (context) => {
        const { client } = await openHubSession(context)
        await printState(context, await client.retention.get({ params: { id } }), json)
        return exitCodes.ok
      }),
    )

  retention
    .command('set')
    .description('change what a job keeps')
    .argument(...jobArgument)
    .argument('<file>', 'the retention of a job as JSON, as docs/reference/openapi.json describes it; - reads it from stdin')
    .option(...jsonOption)
    .action((id: string, file: string, { json }: { json?: true }) =>
      run(async (context) => {
        const { client } = await openHubSession(context)
        // The Hub looks at what it is given.
        await printState(context, await client.retention.replace({ params: { id }, body: (await readJson(file, context)) as JobRetention }), json)
        return exitCodes.ok
      }),
    )

  retention
    .command('preview')
    .description('show what of a job would be kept and deleted, now and month by month, and why; nothing is changed')
    .argument(...jobArgument)
    .option('--policy <file>', 'instead of what the job has, as JSON; - reads it from stdin')
    .option('--months <n>', 'how far to look ahead', '12')
    .option(...jsonOption)
    .action((id: string, { policy, months, json }: { policy?: string; months: string; json?: true }) =>
      run(async (context) => {
        const { client } = await openHubSession(context)
        const instead = policy === undefined ? {} : { retention: (await readJson(policy, context)) as JobRetention }
        const preview = await client.retention.preview({ params: { id }, body: { ...instead, months: Number(months) } })
        await (json === true ? printJson(context, preview) : printRows(context, previewRows(preview)))
        return exitCodes.ok
      }),
    )

  retention
    .command('apply')
    .description('delete now what a job does not keep, as far as its limits go')
    .argument(...jobArgument)
    .option('--fingerprint <text>', 'of a preview: nothing is deleted when it would be something else by now')
    .option('--despite-brakes', 'while a brake is on, too')
    .option(...jsonOption)
    .action((id: string, { fingerprint, despiteBrakes, json }: { fingerprint?: string; despiteBrakes?: true; json?: true }) =>
      run(async (context) => {
        const { client } = await openHubSession(context)
        const applied = await client.retention.apply({ params: { id }, body: { fingerprint, despite_brakes: despiteBrakes === true } })
        if (json === true) await printJson(context, applied)
        else await printRows(context, [...applied.run_ids.map((runId) => [runId, 'will be deleted']), [`${applied.remaining} more must wait`]])
        return exitCodes.ok
      }),
    )

  const judgements = {
    accept: ['accept a suspicious artifact as the new normal', 'accept'],
    'give-up': ['give a suspicious artifact up, so that it is kept for nothing any more', 'giveUp'],
  } as const
  for (const [name, [description, route]] of Object.entries(judgements)) {
    retention
      .command(name)
      .description(description)
      .argument(...runArgument)
      .option(...jsonOption)
      .action((run_id: string, { json }: { json?: true }) =>
        run(async (context) => {
          const { client } = await openHubSession(context)
          await printState(context, await client.retention[route]({ params: { id: await jobOf(client, run_id) }, body: { run_id } }), json)
          return exitCodes.ok
        }),
      )
  }

  retention
    .command('brakes')
    .description('list the brakes that are on for any job, the oldest first')
    .option(...jsonOption)
    .action(({ json }: { json?: true }) =>
      run(async (context) => {
        const { client } = await openHubSession(context)
        for (const brake of (await client.retention.brakes()).items)
          await (json === true ? printJson(context, brake) : printRows(context, [brakeRow(brake)]))
        return exitCodes.ok
      }),
    )

  retention
    .command('release-clock')
    .description('say that the clock of the Hub is right, so that deletes go on')
    .action(() =>
      run(async (context) => {
        const { client } = await openHubSession(context)
        await client.retention.releaseClock()
        return exitCodes.ok
      }),
    )
}

async function jobOf(client: Client, runId: string): Promise<string> {
  return (await client.runs.get({ params: { id: runId } })).job_id
}

async function printState(context: CliContext, state: RetentionState, json: true | undefined): Promise<void> {
  if (json === true) return printJson(context, state)
  const { retention, policy, active, brakes, last_look } = state
  const waits = last_look === null || last_look.waiting === 0 ? [] : [[`${last_look.waiting} artifacts must wait to be deleted`]]
  const error = last_look?.error ?? null
  const failed = error === null ? [] : [['it could not be looked at', error.message]]
  return printRows(context, [
    [retention.mode === 'inherit' ? 'that of the Hub' : 'its own', active ? 'on' : 'off'],
    ...retentionRules.filter((rule) => policy[rule] !== null).map((rule) => [rule, String(policy[rule])]),
    ['at most', `${policy.max_delete_per_tick} at a look, ${policy.max_delete_per_day} a day`],
    ...brakes.map(brakeRow),
    ...waits,
    ...failed,
  ])
}

function brakeRow({ kind, job_id, target_id, since, overdue, message, release }: ShownBrake): string[] {
  const where = job_id ?? target_id ?? 'all jobs'
  return [`brake ${kind}`, where, new Date(since).toISOString(), ...(overdue ? ['OVERDUE'] : []), message, `released by ${release}`]
}

function previewRows({ keep, delete: gone, totals, months, brakes, fingerprint }: RetentionPreview): string[][] {
  const why = (reasons: readonly { text: string }[]) => reasons.map(({ text }) => text).join('; ')
  const madeAt = (ms: number) => new Date(ms).toISOString()
  return [
    ...keep.map(({ run_id, made_at, reasons }) => ['keep', run_id, madeAt(made_at), why(reasons)]),
    ...gone.map(({ run_id, made_at, now, reasons }) => [now ? 'delete' : 'delete later', run_id, madeAt(made_at), why(reasons)]),
    ...months.map(({ month, made, kept, deleted }) => [month, `${made} made`, `${deleted} deleted`, `${kept} kept`]),
    ...brakes.map(brakeRow),
    [`${totals.keep} kept, ${totals.delete} deleted, ${totals.delete_now} of them now`, `fingerprint ${fingerprint}`],
  ]
}
