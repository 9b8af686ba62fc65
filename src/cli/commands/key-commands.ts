import type { Command } from 'commander'
import { recoverySheet, recoverySheetText } from '../../protocol/recovery-sheet.ts'
import { listJobs } from '../../client/list-jobs.ts'
import { askPassword } from '../ask-password.ts'
import { printableText } from '../entry-text.ts'
import { exitCodes } from '../exit-code.ts'
import { openHubSession } from '../hub-session.ts'
import { printJson, printRows } from '../rows.ts'
import { systemClock } from '../system-clock.ts'
import type { RunCommand } from './command.ts'

const jsonOption = ['--json', 'as JSON'] as const

export function addKeyCommands(program: Command, run: RunCommand): void {
  const key = program.command('key').description('the age keys that a Hub encrypts to')

  key
    .command('list')
    .description('list the keys of a Hub, and when each was last given out to be kept elsewhere')
    .option(...jsonOption)
    .action(({ json }: { json?: true }) =>
      run(async (context) => {
        const { client } = await openHubSession(context)
        for (const one of (await client.ageKeys.list()).items) {
          const exported = one.exported_at === null ? 'kept by this Hub alone' : `exported ${new Date(one.exported_at).toISOString()}`
          await (json === true ? printJson(context, one) : printRows(context, [[one.name, one.recipient, exported]]))
        }
        return exitCodes.ok
      }),
    )

  key
    .command('create')
    .description('make a key; a job that names one that is not there makes it too')
    .argument('<name>', 'by which jobs name it')
    .option(...jsonOption)
    .action((name: string, { json }: { json?: true }) =>
      run(async (context) => {
        const { client } = await openHubSession(context)
        const made = await client.ageKeys.create({ body: { name } })
        await (json === true ? printJson(context, made) : context.out(`${made.recipient}\n`))
        return exitCodes.ok
      }),
    )

  key
    .command('export')
    .description('print the identity of a key as age reads it, to be kept apart from this Hub; asks for the password again')
    .argument('<name>', 'by which jobs name it')
    .action((name: string) =>
      run(async (context) => {
        const { client } = await openHubSession(context)
        const { recipient, identity } = await client.ageKeys.export({
          params: { name },
          body: { password: await askPassword(context, { twice: false }) },
        })
        await context.out(`# key: ${name}\n# public key: ${recipient}\n${identity}\n`)
        return exitCodes.ok
      }),
    )

  key
    .command('sheet')
    .description('print the recovery sheet of a key: its identity, what it opens and how, without Bastion too; asks for the password again')
    .argument('<name>', 'by which jobs name it')
    .action((name: string) =>
      run(async (context) => {
        const { client } = await openHubSession(context)
        const jobs = await listJobs(client)
        const password = await askPassword(context, { twice: false })
        const exported = await client.ageKeys.export({ params: { name }, body: { password } })
        const text = recoverySheetText(recoverySheet(exported, jobs, systemClock.now()))
        await context.out(text.split('\n').map(printableText).join('\n'))
        return exitCodes.ok
      }),
    )
}
