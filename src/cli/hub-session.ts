import { mkdirSync, readFileSync, rmSync } from 'node:fs'
import { homedir } from 'node:os'
import { dirname, join } from 'node:path'
import { z } from 'zod'
import type { Client, Fetch } from '../client/client.ts'
import { BastionError } from '../core/errors.ts'
import { writeDurably } from '../lib/durable-file.ts'
import { csrfHeaderName, sessionCookieName } from '../protocol/http/names.ts'
import type { CliContext } from './cli-context.ts'

const keptSchema = z.object({ hub_url: z.string(), token: z.string(), csrf_token: z.string() })
type Kept = z.infer<typeof keptSchema>

/** Who is signed in to which Hub on this command line. Kept in a file that only its owner reads. */
export interface HubSession {
  readonly hubUrl: string
  readonly client: Client
  /** Keeps the session the Hub has given last; `null`: there is none any more. */
  keep(csrfToken: string | null): void
}

/**
 * The Hub at `hubUrl`, in BASTION_HUB_URL, or the one signed in to last; without any the one of this machine.
 * @throws what the client throws; hub_unreachable
 */
export async function openHubSession(context: CliContext, hubUrl?: string): Promise<HubSession> {
  // The schemas of the whole API: commands that speak to no Hub start without them.
  const [{ createClient }, { routeAddresses }] = await Promise.all([import('../client/client.ts'), import('../protocol/http/api.ts')])
  const file = sessionFile(context)
  const before = readKept(file)
  const url = withoutSlash(hubUrl ?? context.env['BASTION_HUB_URL'] ?? before?.hub_url ?? 'http://127.0.0.1:9876')
  // A session is told to the Hub that gave it and to no other.
  const session = before?.hub_url === url ? before : null
  let token = session?.token ?? ''
  const csrfToken = session?.csrf_token ?? ''

  const fetchFromHub: Fetch = async (address, init) => {
    const response = await fetch(address, { ...init, signal: context.signal, redirect: 'error' }).catch((error: unknown) => {
      context.signal.throwIfAborted()
      throw new BastionError('hub_unreachable', `the Hub at ${url} does not answer (${reasonOf(error)})`, { cause: error })
    })
    const given = response.headers.getSetCookie().find((cookie) => cookie.startsWith(`${sessionCookieName}=`))
    if (given !== undefined) token = given.slice(sessionCookieName.length + 1).split(';', 1)[0]!
    return response
  }

  return {
    hubUrl: url,
    client: createClient({
      routes: routeAddresses(),
      baseUrl: url,
      fetch: fetchFromHub,
      headers: () => ({ ...(token === '' ? {} : { cookie: `${sessionCookieName}=${token}` }), [csrfHeaderName]: csrfToken }),
    }),
    keep(newCsrfToken) {
      if (newCsrfToken === null) return rmSync(file, { force: true })
      const kept: Kept = { hub_url: url, token, csrf_token: newCsrfToken }
      mkdirSync(dirname(file), { recursive: true, mode: 0o700 })
      writeDurably(file, `${JSON.stringify(kept)}\n`)
    },
  }
}

/** `$XDG_STATE_HOME/bastion/session.json`, or in `~/.local/state`. */
function sessionFile({ env }: CliContext): string {
  const { XDG_STATE_HOME: state, HOME: home = homedir() } = env
  return join(state === undefined || state === '' ? join(home, '.local', 'state') : state, 'bastion', 'session.json')
}

/** One that cannot be understood is none: signing in makes another. */
function readKept(file: string): Kept | null {
  try {
    return keptSchema.parse(JSON.parse(readFileSync(file, 'utf8')))
  } catch {
    return null
  }
}

function withoutSlash(url: string): string {
  return url.replace(/\/+$/, '')
}

/** `fetch` says what happened in the cause of its error. */
function reasonOf(error: unknown): string {
  const { cause = error } = error as { cause?: unknown }
  return (cause as NodeJS.ErrnoException).code ?? (cause as Error).message
}
