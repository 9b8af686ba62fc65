import path from 'node:path'
import { type Client, createClient, type Fetch } from '../../src/client/client.ts'
import type { Clock } from '../../src/core/clock.ts'
import { openExecutor } from '../../src/executor/executor.ts'
import { createTransport, type TransportOptions } from '../../src/hub/http/transport.ts'
import { localNodeId } from '../../src/hub/hub.ts'
import { startHub } from '../../src/hub/start-hub.ts'
import { routeAddresses } from '../../src/protocol/http/api.ts'
import { createMemoryLink } from '../../src/protocol/memory-link.ts'
import { createMemoryStreams } from '../../src/protocol/memory-streams.ts'
import { bastionRunner } from './bastion-program.ts'
import { temporaryFolder } from './temporary-folder.ts'

export const testVersion = '0.0.1'
export const admin = { username: 'ada', password: 'correct horse battery' }
const systemClock: Clock = { now: () => Date.now() }
/** Hashes that cost nothing: what is tested is not how hard they are to guess. */
export const cheapPasswords = { memoryKib: 64, passes: 1, lanes: 1 }

export interface HttpHub extends AsyncDisposable {
  readonly url: string
  readonly folder: string
  readonly setupToken: string | null
  /** lines the Hub has logged as errors */
  readonly errors: unknown[]
}

export interface HttpHubOptions {
  transport?: Partial<TransportOptions>
  metricsToken?: string
  docsDirectory?: string
  webDirectory?: string
  /** whether the node of this machine is connected; it is when absent */
  withNode?: boolean
  /** of the Hub, not of its node */
  clock?: Clock
  /** what its node may look at and freeze, beside looking at its own folder */
  sourceRoots?: readonly string[]
  /** fills the data directory before the Hub starts */
  prepare?: (dataDirectory: string) => Promise<void>
  /** commands its node may run around the reading of a source */
  allowedHooks?: readonly (readonly string[])[]
}

/** A Hub that listens on a port of its own, with a real node. */
export async function startHttpHub({
  transport,
  metricsToken,
  docsDirectory,
  webDirectory,
  withNode = true,
  clock = systemClock,
  sourceRoots = [],
  prepare,
  allowedHooks = [],
}: HttpHubOptions = {}): Promise<HttpHub> {
  await using opened = new AsyncDisposableStack()
  const folder = opened.use(await temporaryFolder()).path
  const dataDirectory = path.join(folder, 'data')
  await prepare?.(dataDirectory)
  const streams = createMemoryStreams()
  const errors: unknown[] = []
  const hub = opened.use(
    await startHub({
      dataDirectory,
      version: testVersion,
      transport: createTransport({ host: '127.0.0.1', port: 0, insecureHttp: false, trustedProxies: [], ...transport }),
      metricsToken: metricsToken ?? null,
      docsDirectory: docsDirectory ?? path.join(folder, 'no-docs'),
      webDirectory: webDirectory ?? path.join(folder, 'no-web'),
      passwordCost: cheapPasswords,
      streams,
      clock,
      log: { info() {}, warn() {}, error: (fields) => errors.push(fields) },
    }),
  )
  if (withNode) {
    const executor = opened.use(
      await openExecutor({
        dataDir: dataDirectory,
        runnerCommand: bastionRunner,
        policy: { browseRoots: [folder, ...sourceRoots], snapshotRoots: sourceRoots, allowedHooks },
        streams,
        version: testVersion,
        clock: systemClock,
        report: (problem) => errors.push(problem),
      }),
    )
    const link = createMemoryLink()
    hub.connect(localNodeId, link.hub)
    await executor.connect(link.node)
  }
  const kept = opened.move()
  return { url: hub.url, folder, setupToken: hub.setupToken, errors, [Symbol.asyncDispose]: () => kept.disposeAsync() }
}

export interface HttpBrowser {
  readonly client: Client
  /** the session's cookie, as it is sent */
  cookie: string
  csrfToken: string
}

/** Calls a Hub as a browser would: it keeps the cookie it is given, and repeats the token it was told. */
export function createBrowser(baseUrl: string, fetchWith: Fetch = fetch): HttpBrowser {
  const browser: HttpBrowser = {
    cookie: '',
    csrfToken: '',
    client: createClient({
      routes: routeAddresses(),
      baseUrl,
      headers: () => ({ cookie: browser.cookie, 'x-csrf-token': browser.csrfToken }),
      fetch: async (url, init) => {
        const response = await fetchWith(url, init)
        const given = response.headers.get('set-cookie')
        if (given !== null) browser.cookie = given.split(';', 1)[0]!
        return response
      },
    }),
  }
  return browser
}

/** A browser in which the first administrator is signed in. */
export async function setUp(hub: HttpHub, fetchWith?: Fetch): Promise<HttpBrowser> {
  const browser = createBrowser(hub.url, fetchWith)
  browser.csrfToken = (await browser.client.setup.initialize({ body: { ...admin, setup_token: hub.setupToken ?? undefined } })).csrf_token
  return browser
}
