import { type Command, Option } from 'commander'
import { BastionError } from '../../core/errors.ts'
import { type SecretInput, secretInputSchema, secretKinds, secretOptionsOf } from '../../protocol/secret-spec.ts'
import { askTerminal } from '../ask-terminal.ts'
import type { CliContext } from '../cli-context.ts'
import { exitCodes } from '../exit-code.ts'
import { openHubSession } from '../hub-session.ts'
import { readJson } from '../read-json.ts'
import { printJson, printRows } from '../rows.ts'
import type { RunCommand } from './command.ts'

const jsonOption = ['--json', 'as JSON'] as const
const nodeOption = ['--node <id>', 'the node that uses it', 'hub'] as const

type SecretKind = SecretInput['kind']

export function addSecretCommands(program: Command, run: RunCommand): void {
  const secret = program.command('secret').description('the credentials for targets that a Hub keeps; nobody reads them back')

  secret
    .command('list')
    .description('list the secrets of a Hub, without their values')
    .option(...nodeOption)
    .option(...jsonOption)
    .action(({ node, json }: { node: string; json?: true }) =>
      run(async (context) => {
        const { client } = await openHubSession(context)
        const { items } = await client.secrets.list({ params: { id: node } })
        for (const one of items) {
          await (json === true ? printJson(context, one) : printRows(context, [[one.name, one.kind, new Date(one.updated_at).toISOString()]]))
        }
        return exitCodes.ok
      }),
    )

  secret
    .command('set')
    .description('keep credentials under a name, or replace all of those it has; asked for at the terminal without --values')
    .argument('<name>', 'by which a target names it')
    .addOption(new Option('--kind <kind>', 'the kind of target').choices(secretKinds).makeOptionMandatory())
    .option('--values <file>', 'the values as JSON, such as {"password":"…"}; - reads them from stdin')
    .option(...nodeOption)
    .option(...jsonOption)
    .action((name: string, options: { kind: SecretKind; values?: string; node: string; json?: true }) =>
      run(async (context) => {
        const { client } = await openHubSession(context)
        const values = options.values === undefined ? await askValues(context, options.kind) : await readJson(options.values, context)
        const given = secretInputSchema.safeParse({ kind: options.kind, values })
        if (!given.success) throw new BastionError('invalid_spec', given.error.issues.map(({ message }) => message).join('; '))
        const { items } = await client.secrets.list({ params: { id: options.node } })
        const kept = items.some((one) => one.name === name)
          ? await client.secrets.replace({ params: { id: options.node, name }, body: given.data })
          : await client.secrets.create({ params: { id: options.node }, body: { name, ...given.data } })
        if (options.json === true) await printJson(context, kept)
        return exitCodes.ok
      }),
    )

  secret
    .command('remove')
    .description('forget credentials; refused while a job uses them')
    .argument('<name>', 'by which a target names it')
    .option(...nodeOption)
    .action((name: string, { node }: { node: string }) =>
      run(async (context) => {
        const { client } = await openHubSession(context)
        await client.secrets.remove({ params: { id: node, name } })
        return exitCodes.ok
      }),
    )
}

/** What is left empty is not kept. */
async function askValues({ signal }: CliContext, kind: SecretKind): Promise<Record<string, string>> {
  const values: Record<string, string> = {}
  for (const name of secretOptionsOf(kind)) {
    const value = await askTerminal(`${name} (empty: none)`, { hidden: true, hint: 'Give --values FILE, or - and the JSON on stdin.', signal })
    if (value !== '') values[name] = value
  }
  return values
}
