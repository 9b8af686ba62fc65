import type { Command } from 'commander'
import type { Client } from '../../client/client.ts'
import { artifactStatusSchema } from '../../core/artifact-record.ts'
import type { ListedArtifact } from '../../protocol/artifact-listing.ts'
import { allPages } from '../../client/all-pages.ts'
import type { CliContext } from '../cli-context.ts'
import { exitCodes } from '../exit-code.ts'
import { openHubSession } from '../hub-session.ts'
import { oneOf } from '../one-of.ts'
import { formatBytes } from '../progress-line.ts'
import { printJson, printRows } from '../rows.ts'
import type { RunCommand } from './command.ts'

const jsonOption = ['--json', 'as JSON'] as const
const runArgument = ['<run>', 'the run that stored it'] as const

interface ListOptions {
  job?: string
  status?: string
  pinned?: true
  ignored?: true
  json?: true
}

/** What a Hub has stored. `list` and `delete`, without a Hub, are commands of their own. */
export function addArtifactCommands(program: Command, run: RunCommand): void {
  const artifact = program.command('artifact').description('the artifacts of a Hub')

  artifact
    .command('list')
    .description('list what may still be there of the artifacts of a Hub, the newest first')
    .option('--job <id>', 'of this job only')
    .option('--status <status>', `one of ${artifactStatusSchema.options.join(', ')}`)
    .option('--pinned', 'those that are kept whatever retention says')
    .option('--ignored', 'those whose delete fails and is ignored')
    .option(...jsonOption)
    .action(({ json, ...options }: ListOptions) =>
      run(async (context) => {
        const { client } = await openHubSession(context)
        for await (const one of allArtifacts(client, options))
          await (json === true ? printJson(context, one) : printRows(context, [artifactRow(one)]))
        return exitCodes.ok
      }),
    )

  artifact
    .command('delete')
    .description('ask for artifacts of a Hub to be deleted; the Hub does it as soon as their target can be reached')
    .argument('<run...>', 'the runs that stored them')
    .option('--force', 'those that are pinned and the newest good one too, and what another Hub has stored; for administrators')
    .option(...jsonOption)
    .action((runIds: string[], { force, json }: { force?: true; json?: true }) =>
      run(async (context) => {
        const { client } = await openHubSession(context)
        for (const runId of runIds) {
          const task = await client.artifacts.delete({ params: await placeOf(client, runId), query: { force: force === true ? 'true' : 'false' } })
          await (json === true ? printJson(context, task) : printRows(context, [[runId, task.status]]))
        }
        return exitCodes.ok
      }),
    )

  artifact
    .command('log')
    .description('show what happened to the delete of an artifact of a Hub')
    .argument(...runArgument)
    .option(...jsonOption)
    .action((runId: string, { json }: { json?: true }) =>
      run(async (context) => {
        const { client } = await openHubSession(context)
        const params = await placeOf(client, runId)
        for (let afterSeq: number | undefined = 0; afterSeq !== undefined;) {
          const { items } = await client.artifacts.deleteEvents({ params, query: { after_seq: afterSeq } })
          for (const event of items) {
            const { ts, level, kind, message } = event
            await (json === true ? printJson(context, event) : printRows(context, [[new Date(ts).toISOString(), level, kind, message]]))
          }
          afterSeq = items.at(-1)?.seq
        }
        return exitCodes.ok
      }),
    )

  artifact
    .command('check')
    .description('look whether artifacts of a Hub are on their targets: marker, manifest, objects and their sizes')
    .argument('<run...>', 'the runs that stored them')
    .option(...jsonOption)
    .action((runIds: string[], { json }: { json?: true }) =>
      run(async (context) => {
        const { client } = await openHubSession(context)
        let areWhole = true
        for (const runId of runIds) {
          const checked = await client.maintenance.checkArtifact({ params: await placeOf(client, runId) })
          const { found, why, status } = checked
          areWhole &&= found === 'ok'
          await (json === true
            ? printJson(context, { run_id: runId, ...checked })
            : printRows(context, [[runId, found.replace('_', ' '), status, ...(why === null ? [] : [why])]]))
        }
        return areWhole ? exitCodes.ok : exitCodes.failed
      }),
    )

  artifact
    .command('holds')
    .description('list targets on which too many artifacts were not there at once, so that a person has to say whether that is so')
    .option(...jsonOption)
    .action(({ json }: { json?: true }) =>
      run(async (context) => {
        const { client } = await openHubSession(context)
        for (const hold of (await client.artifacts.holds()).items) {
          const { target_id, artifacts, since } = hold
          await (json === true
            ? printJson(context, hold)
            : printRows(context, [[target_id, `${artifacts} artifacts`, new Date(since).toISOString()]]))
        }
        return exitCodes.ok
      }),
    )

  artifact
    .command('confirm-missing')
    .description('say that what was not there on a target may be gone indeed')
    .argument('<target-id>', 'as `artifact holds` names it')
    .option(...jsonOption)
    .action((target_id: string, { json }: { json?: true }) =>
      run(async (context) => {
        const { client } = await openHubSession(context)
        const confirmed = await client.artifacts.confirmMissing({ params: { target_id } })
        await (json === true ? printJson(context, confirmed) : printRows(context, [[target_id, `${confirmed.confirmed} artifacts`]]))
        return exitCodes.ok
      }),
    )

  const steps = {
    pin: ['keep an artifact of a Hub whatever retention says', (client, params) => client.artifacts.pin({ params })],
    unpin: ['let retention decide over an artifact of a Hub again', (client, params) => client.artifacts.unpin({ params })],
    retry: ['try the delete of an artifact of a Hub again at once', (client, params) => client.artifacts.retryNow({ params })],
    ignore: ['hear no more of a delete that fails; what is on the target stays there', (client, params) => client.artifacts.ignore({ params })],
    unignore: ['take up a delete again that was ignored', (client, params) => client.artifacts.unignore({ params })],
  } as const satisfies Record<string, readonly [string, (client: Client, params: Place) => Promise<{ status: string }>]>
  for (const [name, [description, step]] of Object.entries(steps)) {
    artifact
      .command(name)
      .description(description)
      .argument(...runArgument)
      .option(...jsonOption)
      .action((runId: string, { json }: { json?: true }) =>
        run(async (context: CliContext) => {
          const { client } = await openHubSession(context)
          const result = await step(client, await placeOf(client, runId))
          if (json === true) await printJson(context, result)
          return exitCodes.ok
        }),
      )
  }
}

interface Place {
  id: string
  run_id: string
}

/** An artifact goes by its job and its run. */
async function placeOf(client: Client, runId: string): Promise<Place> {
  return { id: (await client.runs.get({ params: { id: runId } })).job_id, run_id: runId }
}

function allArtifacts(client: Client, { job, status, pinned, ignored }: Omit<ListOptions, 'json'>): AsyncGenerator<ListedArtifact> {
  const filter = {
    job_id: job,
    status: oneOf('--status', artifactStatusSchema, status),
    ...(pinned === true && { pinned: 'true' as const }),
    ...(ignored === true && { ignored: 'true' as const }),
  }
  return allPages((cursor) => client.artifacts.list({ query: { ...filter, cursor } }))
}

function artifactRow({ run_id, job_name, status, ended_at, files, stored_bytes, grade, pinned_at, last_error }: ListedArtifact): string[] {
  const stored = `${files} files, ${formatBytes(stored_bytes)} stored, ${grade}`
  return [
    run_id,
    job_name,
    new Date(ended_at).toISOString(),
    status,
    stored,
    ...(pinned_at === null ? [] : ['pinned']),
    ...(last_error === null ? [] : [last_error.message]),
  ]
}
