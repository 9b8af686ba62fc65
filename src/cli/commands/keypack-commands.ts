import type { Command } from 'commander'
import { exitCodes } from '../exit-code.ts'
import type { ImportOptions, KeypackOptions } from '../run-keypack.ts'
import type { RunCommand } from './command.ts'

const dataDirOption = ['--data-dir <dir>', 'where the Hub keeps its data'] as const
const passphraseOption = ['--passphrase-file <file>', 'its first line is the passphrase; asked for at the terminal without it'] as const
const jsonOption = ['--json', 'as JSON'] as const
const fileArgument = ['<file>', 'the keypack'] as const

export function addKeypackCommands(program: Command, run: RunCommand): void {
  const keypack = program.command('keypack').description('one file, sealed with a passphrase, that opens everything the Hub of this machine keeps')
  // What only these need is loaded for them only.
  const load = () => import('../run-keypack.ts')

  keypack
    .command('export')
    .description('write the master key and all age keys into a new file; the Hub may run meanwhile')
    .argument(...fileArgument)
    .option(...passphraseOption)
    .option(...dataDirOption)
    .option(...jsonOption)
    .action((file: string, options: KeypackOptions) =>
      run(async (context) => {
        await (await load()).exportKeypack(file, options, context)
        return exitCodes.ok
      }),
    )

  keypack
    .command('import')
    .description('put the keys of a keypack into a data directory, fresh or without its master.key, while no Hub runs there')
    .argument(...fileArgument)
    .option('--age-keys-only', 'add its age keys to a Hub that has a master key of its own, and may run meanwhile')
    .option('--replace', 'keep a master.key that opens nothing aside, under another name')
    .option(...passphraseOption)
    .option(...dataDirOption)
    .option(...jsonOption)
    .action((file: string, options: ImportOptions) =>
      run(async (context) => {
        await (await load()).importKeypack(file, options, context)
        return exitCodes.ok
      }),
    )

  keypack
    .command('identities')
    .description('print the age identities of a keypack, as age and --identity read them; needs no Hub and no data')
    .argument(...fileArgument)
    .option(...passphraseOption)
    .action((file: string, options: KeypackOptions) =>
      run(async (context) => {
        await (await load()).printIdentities(file, options, context)
        return exitCodes.ok
      }),
    )

  keypack
    .command('rotate')
    .description('make a new master key and seal everything anew with it, while no Hub runs')
    .option(...dataDirOption)
    .option(...jsonOption)
    .action((options: KeypackOptions) =>
      run(async (context) => {
        await (await load()).rotateKeys(options, context)
        return exitCodes.ok
      }),
    )
}
