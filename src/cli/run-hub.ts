import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { pino } from 'pino'
import { BastionError } from '../core/errors.ts'
import { type NodePolicy, openExecutor } from '../executor/executor.ts'
import { localNodeId } from '../hub/hub.ts'
import { createTransport, type TransportOptions } from '../hub/http/transport.ts'
import { startHub } from '../hub/start-hub.ts'
import { defaultPasswordCost } from '../lib/password-hash.ts'
import { limitHeapGrowth } from '../lib/heap-growth.ts'
import { scavengeAlone } from '../lib/scavenge-alone.ts'
import { createMemoryLink } from '../protocol/memory-link.ts'
import { createMemoryStreams } from '../protocol/memory-streams.ts'
import { type CliContext, dataDirectory } from './cli-context.ts'
import { hookCommand } from './hook-options.ts'
import { snapshotPolicy } from './snapshot-services.ts'
import { systemClock } from './system-clock.ts'
import { isBundled, version } from './version.ts'

const mebibyte = 2 ** 20

/** As `bastion hub` is given them. */
export interface HubCommandOptions {
  dataDir?: string
  host: string
  port: number
  tlsCert?: string
  tlsKey?: string
  insecureHttp?: true
  publicUrl?: string
  trustedProxy: string[]
  browseRoot: string[]
  restoreRoot: string[]
  snapshotRoot: string[]
  allowHook: string[]
}

/** Serves until it is asked to stop. Runs under way go on without it, and are found again at the next start. */
export async function runHub(options: HubCommandOptions, context: CliContext): Promise<void> {
  // Its runners keep every core busy, and its event loop is not to wait for a collection.
  scavengeAlone()
  // It waits for months: what a look at everything has needed for a second is not kept.
  limitHeapGrowth({ youngBytes: 4 * mebibyte, easyBytes: 40 * mebibyte })
  const dataDir = dataDirectory(context, options.dataDir)
  const streams = createMemoryStreams()
  const log = pino({ base: null, redact: ['*.password', '*.credentials', '*.identities', '*.identity'] }, pino.destination({ dest: 2, sync: true }))
  await using hub = await startHub({
    dataDirectory: dataDir,
    version,
    transport: createTransport(transportOptions(options, context)),
    metricsToken: context.env['BASTION_METRICS_TOKEN'] ?? null,
    docsDirectory: builtDirectory('docs'),
    webDirectory: builtDirectory('web'),
    passwordCost: defaultPasswordCost,
    streams,
    clock: systemClock,
    log,
  })
  await using executor = await openExecutor({
    dataDir,
    runnerCommand: [process.execPath, process.argv[1]!, 'runner'],
    policy: policyOf(options, context),
    streams,
    version,
    clock: systemClock,
    report: (problem) => log.warn({ node_id: localNodeId }, problem),
  })
  const link = createMemoryLink()
  hub.connect(localNodeId, link.hub)
  await executor.connect(link.node)

  await context.out(`Bastion ${version} listens on ${hub.url}\n`)
  await context.out(hub.isSetUp ? `Documentation: ${hub.url}/docs/\n` : newHubText(hub.url, hub.setupToken))
  if (!context.signal.aborted) await once(context.signal, 'abort')
  context.note('Bastion stops. Runs under way go on.\n')
}

/** What the build puts beside the program. */
function builtDirectory(name: string): string {
  return fileURLToPath(new URL(isBundled ? `./${name}` : `../../dist/${name}`, import.meta.url))
}

function newHubText(url: string, setupToken: string | null): string {
  const token = setupToken === null ? '' : `The set-up token, which it asks for: ${setupToken}\n`
  return `It has no administrator yet: open it in a browser, or "bastion login ${url}" makes the first one. ${url}/docs/guide/first-backup goes on from there.\n${token}`
}

function transportOptions(options: HubCommandOptions, context: CliContext): TransportOptions {
  const { tlsCert, tlsKey, host, port, insecureHttp, publicUrl, trustedProxy } = options
  if ((tlsCert === undefined) !== (tlsKey === undefined)) throw new BastionError('invalid_spec', '--tls-cert and --tls-key belong together')
  const pem = (name: string, file: string) => readPem(name, resolve(context.cwd, file))
  return {
    host,
    port,
    ...(tlsCert !== undefined && tlsKey !== undefined && { tls: { cert: pem('--tls-cert', tlsCert), key: pem('--tls-key', tlsKey) } }),
    insecureHttp: insecureHttp === true,
    publicUrl,
    trustedProxies: trustedProxy,
  }
}

function readPem(name: string, file: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch (error) {
    throw new BastionError('invalid_spec', `${name}: ${file} cannot be read (${(error as NodeJS.ErrnoException).code ?? 'unknown'})`, {
      cause: error,
    })
  }
}

function policyOf({ browseRoot, restoreRoot, snapshotRoot, allowHook }: HubCommandOptions, context: CliContext): NodePolicy {
  const { roots, enabled } = snapshotPolicy(context, snapshotRoot)
  return {
    allowedHooks: allowHook.map((text) => hookCommand(text)),
    browseRoots: browseRoot.length === 0 ? ['/'] : browseRoot.map((root) => resolve(context.cwd, root)),
    snapshotRoots: roots,
    ...(restoreRoot.length > 0 && { restoreRoots: restoreRoot.map((root) => resolve(context.cwd, root)) }),
    ...(enabled !== undefined && { snapshotProviders: enabled }),
  }
}
