import { getCACertificates } from 'node:tls'
import { Pool } from 'undici'
import type { Clock } from '../../../core/clock.ts'
import { BastionError } from '../../../core/errors.ts'
import { orCanceled, throwIfCanceled } from '../cancellation.ts'
import { httpStatusError } from '../http-status-error.ts'
import { basicAuthorization, chooseAuthorization, type Credentials, type HttpAuthorization } from './http-authorization.ts'
import { exchange, isUpload, type WebdavRequest, type WebdavResponse } from './http-exchange.ts'

/** Requests to one server: connections, credentials and patience. Redirects are not followed: credentials and data go where they were meant to, or nowhere. */
export interface WebdavClient {
  /**
   * The answer, whatever its status. Only what was asked for, the 200 or 206 of a GET and the 207 of a PROPFIND, still has its body, which the caller reads,
   * discards or abandons: while an unread answer holds its connection, other requests may wait for it.
   * @throws target_unreachable, target_timeout, target_auth, target_rejected · the cancellation · what the body throws
   */
  send(request: WebdavRequest): Promise<WebdavResponse>
  close(): Promise<void>
}

export interface WebdavClientOptions {
  origin: string
  /** of the collection that is asked how it wants to be logged in to */
  rootPath: string
  credentials: Credentials | undefined
  /** PEM; trusted besides those this machine trusts */
  caCertificate: string | undefined
  timeoutMs: number
  clock: Clock
}

/** For requests that end by themselves. Those that wait for a reader or a writer of ours are not counted: they could wait for each other. */
const shortConnections = 8
/** Who does not take a call by then does not hear it. */
const maxConnectMs = 15_000

export function createWebdavClient({ origin, rootPath, credentials, caCertificate, timeoutMs, clock }: WebdavClientOptions): WebdavClient {
  const poolOptions: Pool.Options = {
    allowH2: false,
    // Ours know whose turn it is; these do not.
    headersTimeout: 0,
    bodyTimeout: 0,
    connect: {
      timeout: Math.min(timeoutMs, maxConnectMs),
      ...(caCertificate !== undefined && { ca: [...getCACertificates('default'), caCertificate] }),
    },
  }
  const shortPool = new Pool(origin, { ...poolOptions, connections: shortConnections })
  const streamPool = new Pool(origin, poolOptions)
  let asked: Promise<HttpAuthorization> | undefined

  async function send(request: WebdavRequest): Promise<WebdavResponse> {
    throwIfCanceled(request.signal)
    if (credentials === undefined) return await sendWith(request)
    const authorization = await orCanceled(authorizationFor(credentials, request.doing), request.signal)
    // What can be sent once only must not meet a nonce that is too old.
    if (isUpload(request.body) && authorization.expires) await (await send(rootRequest(request.doing))).discard()
    const response = await sendWith(request, authorization)
    if (response.status !== 401 || isUpload(request.body) || !authorization.renew(response.challenges)) return response
    return await sendWith(request, authorization)
  }

  async function sendWith(request: WebdavRequest, authorization?: HttpAuthorization): Promise<WebdavResponse> {
    const pool = isUpload(request.body) || request.method === 'GET' ? streamPool : shortPool
    const header = authorization?.header(request.method, request.path)
    const response = await exchange(pool, request, { timeoutMs, ...(header !== undefined && { authorization: header }) })
    if (!isAnswered(request, response)) await response.discard()
    return response
  }

  function authorizationFor(account: Credentials, doing: string): Promise<HttpAuthorization> {
    asked ??= ask(account, doing).catch((error: unknown) => {
      asked = undefined
      throw error
    })
    return asked
  }

  /** Asks without credentials how they are to be shown: no password goes to a server that is content with a digest of it. */
  async function ask(account: Credentials, doing: string): Promise<HttpAuthorization> {
    const response = await sendWith(rootRequest(doing))
    await response.discard()
    const { status } = response
    // It is not itself, and may want something else when it is.
    if (status === 429 || status >= 500) throw httpStatusError(doing, { status, retryAfter: response.header('retry-after') }, clock.now())
    // Who may look without an account is to be known by it all the same: others may see less.
    if (status !== 401) return basicAuthorization(account)
    const authorization = chooseAuthorization(response.challenges, account)
    if (authorization !== null) return authorization
    throw new BastionError('target_auth', `${doing}: the server wants a way to log in that is neither Basic nor Digest.`)
  }

  function rootRequest(doing: string): WebdavRequest {
    return { method: 'PROPFIND', path: rootPath, headers: { depth: '0' }, doing }
  }

  return {
    send,
    async close() {
      await Promise.all([shortPool.destroy(), streamPool.destroy()])
    },
  }
}

function isAnswered({ method }: WebdavRequest, { status }: WebdavResponse): boolean {
  return method === 'GET' ? status === 200 || status === 206 : method === 'PROPFIND' && status === 207
}
