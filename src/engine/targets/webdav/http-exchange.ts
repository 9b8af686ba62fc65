import type { Dispatcher } from 'undici'
import { connectionError } from '../connection-error.ts'
import { watchExchange } from './exchange-watch.ts'

export interface WebdavRequest {
  method: 'GET' | 'HEAD' | 'PUT' | 'DELETE' | 'MKCOL' | 'MOVE' | 'PROPFIND'
  /** percent-encoded */
  path: string
  headers?: Readonly<Record<string, string>>
  body?: Uint8Array | WebdavUpload
  /** The answer may take so much longer than others. */
  extraMs?: number
  /** how an error's sentence starts: `Cannot store "a/b" in webdav+https://host/dir` */
  doing: string
  signal?: AbortSignal | undefined
}

/** A body that can be sent once only. */
export interface WebdavUpload {
  /** What it throws the request throws, as it is. */
  chunks: AsyncIterable<Uint8Array>
  sizeBytes: number | undefined
}

export interface WebdavResponse {
  readonly status: number
  /** `undefined` when absent; the first where there are several */
  header(name: string): string | undefined
  /** every `WWW-Authenticate` */
  readonly challenges: string | string[] | undefined
  /** Chunks that may share memory. Throws when the body ends early. */
  bytes(): AsyncGenerator<Uint8Array, void, undefined>
  /** Reads what is left, where that is little, so that the connection can be used again. */
  discard(): Promise<void>
  /** Gives the body up, and with it the connection. */
  abandon(): void
}

/** Of a body nobody wants: more than so much costs more than a new connection. */
const discardBytes = 64 * 1024

export function isUpload(body: WebdavRequest['body']): body is WebdavUpload {
  return body !== undefined && !(body instanceof Uint8Array)
}

/**
 * One request and its answer, whatever its status. Its body is to be read, discarded or abandoned, or the connection stays taken.
 * @throws what {@link connectionError} makes, target_timeout, the cancellation, and what the body throws
 */
export async function exchange(
  dispatcher: Dispatcher,
  request: WebdavRequest,
  options: { timeoutMs: number; authorization?: string },
): Promise<WebdavResponse> {
  const { method, path, body, extraMs = 0, doing, signal } = request
  const watch = watchExchange({ doing, timeoutMs: options.timeoutMs + extraMs, signal })
  let bodyFailure: { error: unknown } | undefined

  async function* sent({ chunks }: WebdavUpload): AsyncGenerator<Uint8Array, void, undefined> {
    watch.ourTurn()
    let sentBytes = 0
    try {
      for await (const chunk of chunks) {
        sentBytes += chunk.byteLength
        watch.serverTurn(chunk.byteLength)
        yield chunk
        watch.ourTurn()
      }
    } catch (error) {
      bodyFailure = { error }
      throw error
    }
    watch.serverTurn(sentBytes)
  }

  function explain(error: unknown): unknown {
    if (bodyFailure !== undefined) return bodyFailure.error
    return watch.signal.aborted ? watch.signal.reason : connectionError(error, doing)
  }

  watch.serverTurn(body instanceof Uint8Array ? body.byteLength : 0)
  try {
    const answer = await dispatcher.request({
      method,
      path,
      headers: {
        'user-agent': 'bastion',
        'accept-encoding': 'identity',
        ...request.headers,
        ...(isUpload(body) && body.sizeBytes !== undefined && { 'content-length': String(body.sizeBytes) }),
        ...(options.authorization !== undefined && { authorization: options.authorization }),
      },
      // An upload is an async iterable, which undici takes, waiting while the socket is full.
      body: (isUpload(body) ? sent(body) : (body ?? null)) as Uint8Array | null,
      signal: watch.signal,
    })
    return responseOf(answer)
  } catch (error) {
    watch.end()
    throw explain(error)
  }

  function responseOf({ statusCode, headers, body: incoming }: Dispatcher.ResponseData): WebdavResponse {
    watch.ourTurn()
    // Who reads it hears of it; nobody else is to die of it.
    incoming.on('error', () => {})
    return {
      status: statusCode,
      header(name) {
        const value = headers[name]
        return typeof value === 'string' ? value : value?.[0]
      },
      challenges: headers['www-authenticate'],
      async *bytes() {
        try {
          watch.serverTurn()
          for await (const chunk of incoming as AsyncIterable<Uint8Array>) {
            watch.ourTurn()
            yield chunk
            watch.serverTurn()
          }
        } catch (error) {
          throw explain(error)
        } finally {
          watch.end()
          incoming.destroy()
        }
      },
      async discard() {
        watch.serverTurn()
        try {
          await incoming.dump({ limit: discardBytes })
        } finally {
          watch.end()
        }
      },
      abandon() {
        watch.end()
        incoming.destroy()
      },
    }
  }
}
