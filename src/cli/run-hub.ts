import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { pino } from 'pino'
import { BastionError } from '../core/errors.ts'
import { mebibyte } from '../core/pipeline-spec.ts'
import { type NodePolicy, openExecutor } from '../executor/executor.ts'
import { localNodeId } from '../hub/hub.ts'
import { createTransport, type TransportOptions } from '../hub/http/transport.ts'
import type { FixedSetting } from '../hub/runtime-settings.ts'
import { startHub } from '../hub/start-hub.ts'
import { defaultPasswordCost } from '../lib/password-hash.ts'
import { limitHeapGrowth } from '../lib/heap-growth.ts'
import { scavengeAlone } from '../lib/scavenge-alone.ts'
import { createMemoryLink } from '../protocol/memory-link.ts'
import { createMemoryStreams } from '../protocol/memory-streams.ts'
import type { CliContext } from './cli-context.ts'
import { readConfigFile } from './config-file.ts'
import { readNamedFile } from './read-named-file.ts'
import { type FoundSettings, type GivenFlags, readSettings } from './read-settings.ts'
import { describeSetting, settingNames } from './settings-table.ts'
import { systemClock } from './system-clock.ts'
import { isBundled, version } from './version.ts'

/** As `bastion hub` is given them. `config`: the configuration file. */
export interface HubCommandOptions {
  flags: GivenFlags
  config: string | undefined
}

/** Serves until it is asked to stop. Runs under way go on without it, and are found again at the next start. */
export async function runHub(options: HubCommandOptions, context: CliContext): Promise<void> {
  // Its runners keep every core busy, and its event loop is not to wait for a collection.
  scavengeAlone()
  // It waits for months: what a look at everything has needed for a second is not kept.
  limitHeapGrowth({ youngBytes: 4 * mebibyte, easyBytes: 40 * mebibyte })
  const settings = readSettings(context, { flags: options.flags, file: readConfigFile(context, options.config) })
  const dataDir = settings.data_dir.value
  const streams = createMemoryStreams()
  const log = pino({ base: null, redact: ['*.password', '*.credentials', '*.identities', '*.identity'] }, pino.destination({ dest: 2, sync: true }))
  await using hub = await startHub({
    dataDirectory: dataDir,
    version,
    transport: createTransport(transportOptions(settings)),
    metricsToken: settings.metrics_token.value,
    fixedSettings: fixedSettings(settings),
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
    policy: policyOf(settings),
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

function transportOptions(settings: FoundSettings): TransportOptions {
  const { host, port, tls_cert: cert, tls_key: key, insecure_http, public_url, trusted_proxies } = settings
  if ((cert.value === null) !== (key.value === null)) throw new BastionError('invalid_spec', '--tls-cert and --tls-key belong together')
  return {
    host: host.value,
    port: port.value,
    ...(cert.value !== null && key.value !== null && { tls: { cert: readPem('--tls-cert', cert.value), key: readPem('--tls-key', key.value) } }),
    insecureHttp: insecure_http.value,
    publicUrl: public_url.value ?? undefined,
    trustedProxies: trusted_proxies.value,
  }
}

/** Those of the Hub's runtime settings that the machine decides, and people on the Hub cannot. */
function fixedSettings(settings: FoundSettings): FixedSetting[] {
  return settingNames.flatMap((name) => {
    const { value, source, from } = settings[name]
    const isFixed = describeSetting(name).isStored === true && source !== 'default' && from !== undefined
    return isFixed ? [{ name: name as FixedSetting['name'], value, by: from }] : []
  })
}

function readPem(name: string, file: string): string {
  return readNamedFile(file, `${name}: ${file}`)
}

function policyOf({ allowed_hooks, browse_roots, restore_roots, snapshot_roots, snapshot_providers }: FoundSettings): NodePolicy {
  return {
    allowedHooks: allowed_hooks.value,
    browseRoots: browse_roots.value,
    snapshotRoots: snapshot_roots.value,
    ...(restore_roots.value !== null && { restoreRoots: restore_roots.value }),
    ...(snapshot_providers.value !== null && { snapshotProviders: snapshot_providers.value }),
  }
}
