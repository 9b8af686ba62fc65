import { randomBytes } from 'node:crypto'
import { mkdir } from 'node:fs/promises'
import path from 'node:path'
import type { Clock } from '../core/clock.ts'
import { uuidv7 } from '../core/ids.ts'
import type { PasswordCost } from '../lib/password-hash.ts'
import type { ByteStreams } from '../protocol/byte-streams.ts'
import { createAccounts } from './auth/accounts.ts'
import { createPasswords } from './auth/passwords.ts'
import { createSessions } from './auth/sessions.ts'
import { createHub, type Hub } from './hub.ts'
import type { HubLog } from './hub-log.ts'
import { startHttpServer } from './http/http-server.ts'
import type { Transport } from './http/transport.ts'
import { lockDataDirectory } from './lock-data-directory.ts'
import { type FixedSetting, openRuntimeSettings } from './runtime-settings.ts'
import { openMasterBox } from './secrets/master-key.ts'
import { createSecretsVault } from './secrets/secrets-vault.ts'
import { databaseName, openStore } from './store/store.ts'

export interface StartHubOptions {
  /** made when it is not there, for its owner alone */
  dataDirectory: string
  version: string
  transport: Transport
  metricsToken: string | null
  /** runtime settings that nobody may change while it runs; none when absent */
  fixedSettings?: readonly FixedSetting[]
  docsDirectory: string
  webDirectory: string
  passwordCost: PasswordCost
  /** where what nodes send arrives */
  streams: ByteStreams
  clock: Clock
  log: HubLog
}

export interface StartedHub extends AsyncDisposable {
  readonly url: string
  readonly connect: Hub['connect']
  /** whether it had its first administrator when it started */
  readonly isSetUp: boolean
  /** what whoever makes the first administrator must know; null when there is one, or when only this machine can reach the Hub */
  readonly setupToken: string | null
}

/**
 * A Hub on its data directory, reachable by HTTP. Its nodes are the caller's to connect.
 * @throws conflict while another Hub uses the directory · invalid_spec when a part of it cannot be used
 */
export async function startHub(options: StartHubOptions): Promise<StartedHub> {
  const { dataDirectory, version, transport, metricsToken, docsDirectory, webDirectory, passwordCost, streams, clock, log } = options
  await using opened = new AsyncDisposableStack()
  await mkdir(dataDirectory, { recursive: true, mode: 0o700 })
  opened.use(lockDataDirectory(dataDirectory))
  const store = opened.use(await openStore({ file: path.join(dataDirectory, databaseName), clock }))
  const vault = createSecretsVault({ store, box: await openMasterBox({ dataDirectory, store, clock }), clock })
  const settings = await openRuntimeSettings({ store, clock, fixed: options.fixedSettings ?? [] })
  const accounts = createAccounts({ store, clock, passwords: createPasswords(passwordCost) })
  const sessions = createSessions({ store, clock })
  const hub = opened.use(
    await createHub({
      store,
      vault,
      clock,
      log,
      random: randomBytes,
      runsPerNode: () => settings.current.runs_per_node,
      hubRetention: () => settings.current.default_retention,
      historyDays: () => settings.current.run_history_days,
      incompleteAfterDays: () => settings.current.incomplete_after_days,
    }),
  )
  const isSetUp = await accounts.isSetUp()
  const setupToken = transport.isLoopback || isSetUp ? null : randomBytes(16).toString('hex')
  const newId = () => uuidv7(clock.now(), randomBytes(10))
  const server = opened.use(
    await startHttpServer(
      { ...hub, version, streams, vault, accounts, sessions, settings, clock, log, newId },
      { transport, setupToken, metricsToken, docsDirectory, webDirectory },
    ),
  )
  const kept = opened.move()
  return { url: server.url, connect: hub.connect, isSetUp, setupToken, [Symbol.asyncDispose]: () => kept.disposeAsync() }
}
