import { AxeBuilder } from '@axe-core/playwright'
import { existsSync } from 'node:fs'
import path from 'node:path'
import { type Browser, type BrowserContext, chromium, type Page } from 'playwright-core'
import { admin, type HttpBrowser, type HttpHub, type HttpHubOptions, setUp, startHttpHub } from './http-hub.ts'

const program = '/usr/bin/chromium'
export const webDirectory = path.join(import.meta.dirname, '../../dist/web')

/** Why no page can be opened here, as the reason of a skipped test; absent when one can. */
export const whyNoBrowser = !existsSync(program)
  ? 'no chromium'
  : existsSync(path.join(webDirectory, 'index.html'))
    ? undefined
    : 'the web interface is not built: npm run build'

const flags = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
]

/** What no page may do: ask another origin, break its own security policy, or throw. */
export interface WatchedContext extends AsyncDisposable {
  readonly context: BrowserContext
  readonly complaints: readonly string[]
}

export function openChromium(): Promise<Browser> {
  return chromium.launch({ executablePath: program, args: flags })
}

export interface ContextLooks {
  colorScheme?: 'light' | 'dark'
  viewport?: { width: number; height: number }
  locale?: string
}

export async function watchedContext(browser: Browser, hub: Pick<HttpHub, 'url'>, looks: ContextLooks = {}): Promise<WatchedContext> {
  const context = await browser.newContext({
    baseURL: hub.url,
    viewport: { width: 1440, height: 900 },
    locale: 'en-GB',
    reducedMotion: 'reduce',
    ...looks,
  })
  // A machine that is busy is slow, not broken.
  context.setDefaultTimeout(90_000)
  const complaints: string[] = []
  context.on('request', (request) => {
    const { origin, protocol } = new URL(request.url())
    if (origin !== hub.url && protocol !== 'data:' && protocol !== 'blob:') complaints.push(`asked ${request.url()}`)
  })
  context.on('weberror', (error) => void complaints.push(String(error.error().stack)))
  context.on('console', (message) => {
    // The browser notes every answer that is no success; those are the page's to show.
    if (message.type() === 'error' && !message.text().startsWith('Failed to load resource')) complaints.push(message.text())
  })
  return { context, complaints, [Symbol.asyncDispose]: () => context.close() }
}

/** The session of a signed-in client of the API, given to the pages of a context. */
export async function giveSession(context: BrowserContext, hub: Pick<HttpHub, 'url'>, { cookie }: Pick<HttpBrowser, 'cookie'>): Promise<void> {
  const [name, value] = cookie.split('=', 2)
  await context.addCookies([{ name: name!, value: value!, url: hub.url, httpOnly: true, sameSite: 'Lax' }])
}

/** A Hub with its web interface, and a page in which its administrator is signed in. */
export async function openConsole(options: HttpHubOptions & ContextLooks = {}) {
  await using opened = new AsyncDisposableStack()
  const hub = opened.use(await startHttpHub({ webDirectory, ...options }))
  const api = await setUp(hub)
  const browser = await openChromium()
  opened.defer(() => browser.close())
  const { context, complaints } = opened.use(await watchedContext(browser, hub, options))
  await giveSession(context, hub, api)
  const page = await context.newPage()
  const kept = opened.move()
  return { hub, api, client: api.client, browser, context, page, complaints, [Symbol.asyncDispose]: () => kept.disposeAsync() }
}

/** What axe finds against a page, as lines; nothing is switched off. */
export async function violationsOf(page: Page): Promise<string[]> {
  const { violations } = await new AxeBuilder({ page }).analyze()
  return violations.flatMap(({ id, nodes }) => nodes.map(({ target, failureSummary }) => `${id}: ${target.join(' ')} ${failureSummary ?? ''}`))
}

export { admin }
