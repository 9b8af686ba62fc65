import { BastionError } from '../core/errors.ts'
import type { Api, RouteAddress } from '../protocol/http/api.ts'
import { readProblem } from '../protocol/http/read-problem.ts'
import type { Route, RouteInput, RouteOutput } from '../protocol/http/route.ts'

/** As much of `fetch` as is needed: what runs in a browser and in Node hands in its own, with a signal if it wants to be able to stop. */
export type Fetch = (url: string, init: { method: string; headers: Record<string, string>; body?: string }) => Promise<FetchedResponse>

interface FetchedResponse {
  readonly status: number
  readonly headers: { get(name: string): string | null }
  readonly body: AsyncIterable<Uint8Array> | null
  text(): Promise<string>
}

export interface ClientOptions {
  /** `routeAddresses()`; a page has them from when it was built */
  routes: readonly RouteAddress[]
  fetch: Fetch
  /** of the Hub, such as `https://bastion.example.org`; empty for the origin of the page */
  baseUrl: string
  /** asked before each call: the session's `cookie` outside of a browser, and `x-csrf-token` */
  headers?: () => Record<string, string>
}

/** A route as a function. What may be left out altogether needs no argument. */
type Call<R extends Route> =
  object extends RouteInput<R> ? (input?: RouteInput<R>) => Promise<RouteOutput<R>> : (input: RouteInput<R>) => Promise<RouteOutput<R>>

/** `client.jobs.list({ query: { limit: 10 } })`: every call throws a `BastionError` with what the Hub said, or `protocol` when it was no Hub that answered. */
export type Client = {
  readonly [Noun in keyof Api]: { readonly [Name in keyof Api[Noun]]: Api[Noun][Name] extends Route ? Call<Api[Noun][Name]> : never }
}

export function createClient(options: ClientOptions): Client {
  const client: Record<string, Record<string, (input?: AnyInput) => Promise<unknown>>> = {}
  for (const route of options.routes) (client[route.noun] ??= {})[route.name] = (input = {}) => call(route, input, options)
  return client as unknown as Client
}

interface AnyInput {
  params?: Record<string, unknown>
  query?: Record<string, unknown>
  body?: unknown
}

async function call(route: RouteAddress, { params = {}, query = {}, body }: AnyInput, { fetch, baseUrl, headers }: ClientOptions): Promise<unknown> {
  const response = await fetch(`${baseUrl}/api${pathOf(route.path, params)}${queryOf(query)}`, {
    method: route.method,
    headers: { accept: 'application/json', ...headers?.(), ...(body === undefined ? {} : { 'content-type': 'application/json' }) },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  })
  if (response.status !== route.status) throw await failureOf(response)
  if (route.answer === 'json') return JSON.parse(await response.text()) as unknown
  return route.answer === 'bytes' ? (response.body ?? nothing()) : undefined
}

function pathOf(path: string, params: Record<string, unknown>): string {
  return path.replace(/:(\w+)/g, (_, name: string) => encodeURIComponent(String(params[name])))
}

function queryOf(query: Record<string, unknown>): string {
  const given = Object.entries(query).flatMap(([name, value]) => [value].flat().map((each) => ({ name, each })))
  const named = given.filter(({ each }) => each !== undefined).map(({ name, each }) => `${name}=${encodeURIComponent(String(each))}`)
  return named.length === 0 ? '' : `?${named.join('&')}`
}

async function failureOf(response: FetchedResponse): Promise<BastionError> {
  const problem = readProblem(await response.text())
  if (problem !== null) {
    const { code, message, hint, details, request_id } = problem
    return new BastionError(code, message, { hint, details: { ...details, request_id } })
  }
  return new BastionError('protocol', `the answer is none of a Hub (HTTP ${response.status})`, {
    hint: 'Check the address, and what stands between here and the Hub.',
  })
}

async function* nothing(): AsyncGenerator<Uint8Array> {
  // an empty file
}
