import { type Command, InvalidArgumentError, Option } from 'commander'
import { exitCodes } from '../exit-code.ts'
import type { HubCommandOptions } from '../run-hub.ts'
import { collect, type RunCommand } from './command.ts'

const defaultPort = 9876

export function addHubCommand(program: Command, run: RunCommand): void {
  program
    .command('hub')
    .description('start the Hub: its API, its schedules and the node of this machine; what "bastion" alone does too')
    .option('--data-dir <dir>', 'where Bastion keeps its own data')
    .addOption(new Option('--host <address>', 'where to listen').default('127.0.0.1').env('BASTION_HOST'))
    .addOption(new Option('--port <number>', '0 takes one that is free').default(defaultPort).argParser(portNumber).env('BASTION_PORT'))
    .addOption(new Option('--tls-cert <file>', 'certificate and chain, as PEM').env('BASTION_TLS_CERT'))
    .addOption(new Option('--tls-key <file>', 'its private key, as PEM').env('BASTION_TLS_KEY'))
    .option('--insecure-http', 'without TLS beyond this machine: everybody on the way reads passwords')
    .addOption(new Option('--public-url <url>', 'where browsers reach it, when a proxy stands before it').env('BASTION_PUBLIC_URL'))
    .option('--trusted-proxy <address>', 'of a proxy whose X-Forwarded-For is believed; repeatable', collect, [])
    .option('--browse-root <dir>', 'a directory of this machine that people of the Hub may look into; repeatable; / when none is given', collect, [])
    .option(
      '--restore-root <dir>',
      'a directory of this machine that may be restored into; repeatable; restore/ in the data directory when none is given',
      collect,
      [],
    )
    .option('--snapshot-root <dir>', 'a directory of which source snapshots may be made; repeatable', collect, [])
    .option(
      '--allow-hook <command>',
      'a command that jobs may run before or after they read, as a JSON array: exactly this one; repeatable',
      collect,
      [],
    )
    .action((options: HubCommandOptions) =>
      run(async (context) => {
        // What only a Hub needs is loaded for a Hub only.
        const { runHub } = await import('../run-hub.ts')
        await runHub(options, context)
        return exitCodes.ok
      }),
    )
}

function portNumber(text: string): number {
  const port = Number(text)
  if (!/^\d+$/.test(text) || port > 65_535) throw new InvalidArgumentError('a port is a number up to 65535')
  return port
}
