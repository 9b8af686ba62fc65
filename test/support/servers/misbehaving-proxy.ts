import { once } from 'node:events'
import { Agent, createServer, request as startRequest, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'

/** What becomes of one request; without any of these it is passed on and answered as the server does. */
export interface Misbehaviour {
  /** Answered without asking the server. */
  answer?: { status: number; headers?: Record<string, string>; body?: string }
  /** Never answered. */
  stall?: true
  /** One byte of its body is changed on the way. */
  flip?: true
  /** The server does it, and the connection ends before its answer. */
  loseAnswer?: true
  /** So much of the answer's body comes, then the connection ends. */
  cutAfterBytes?: number
  /** So much of the answer's body comes, and then nothing. */
  stallAfterBytes?: number
  /** Headers of the answer that say something else. */
  headers?: Record<string, string>
  /** Done before it is passed on. */
  first?: () => Promise<unknown>
}

export interface SeenRequest {
  method: string
  /** path and query */
  url: string
  headers: Readonly<Record<string, string | string[] | undefined>>
}

export interface MisbehavingProxy extends AsyncDisposable {
  readonly endpoint: string
  readonly requests: readonly SeenRequest[]
  /** how many connections were made to it */
  readonly connections: number
}

/** Stands before a real server and does to single requests what networks and servers do to them. */
export async function misbehavingProxy(endpoint: string, decide: (request: SeenRequest) => Misbehaviour | undefined): Promise<MisbehavingProxy> {
  const { hostname, port } = new URL(endpoint)
  const agent = new Agent({ keepAlive: true })
  const requests: SeenRequest[] = []
  let connections = 0

  async function handle(incoming: IncomingMessage, response: ServerResponse): Promise<void> {
    const seen: SeenRequest = { method: incoming.method ?? '', url: incoming.url ?? '', headers: incoming.headers }
    requests.push(seen)
    const does = decide(seen) ?? {}
    const body = await collect(incoming)
    if (does.stall === true) return
    if (does.answer !== undefined) {
      response.writeHead(does.answer.status, does.answer.headers).end(does.answer.body)
      return
    }
    await does.first?.()
    if (does.flip === true) body[body.length >> 1]! ^= 1
    const onward = startRequest({ hostname, port, agent, method: seen.method, path: seen.url, headers: incoming.headers })
    onward.end(body)
    const [answer] = (await once(onward, 'response')) as [IncomingMessage]
    const bytes = await collect(answer)
    if (does.loseAnswer === true) {
      response.destroy()
      return
    }
    response.writeHead(answer.statusCode ?? 500, { ...answer.headers, ...does.headers })
    const stop = does.cutAfterBytes ?? does.stallAfterBytes
    if (stop === undefined) response.end(bytes)
    else response.write(bytes.subarray(0, stop), () => does.cutAfterBytes !== undefined && response.destroy())
  }

  const server = createServer((incoming, response) => {
    handle(incoming, response).catch(() => response.destroy())
  })
  server.on('connection', () => connections++)
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    requests,
    get connections() {
      return connections
    },
    async [Symbol.asyncDispose]() {
      agent.destroy()
      server.closeAllConnections()
      server.close()
      await once(server, 'close')
    },
  }
}

async function collect(stream: AsyncIterable<Buffer>): Promise<Buffer> {
  const chunks: Buffer[] = []
  for await (const chunk of stream) chunks.push(chunk)
  return Buffer.concat(chunks)
}
