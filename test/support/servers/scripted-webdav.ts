import { once } from 'node:events'
import { createServer, type IncomingHttpHeaders, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { buffer } from 'node:stream/consumers'

export interface SeenRequest {
  method: string
  /** as it was sent */
  path: string
  headers: IncomingHttpHeaders
}

/** Answers a request itself, or not at all; `false` leaves it to the server. */
export type Script = (request: IncomingMessage, response: ServerResponse) => boolean | void | Promise<boolean | void>

/** A small WebDAV server that can be told to misbehave: what no real one does when it is asked to. Every collection is there, and what was put is kept. */
export interface ScriptedWebdav extends AsyncDisposable {
  readonly url: string
  readonly requests: SeenRequest[]
  /** by path */
  readonly objects: Map<string, Buffer>
  connections(): Promise<number>
}

export async function scriptedWebdav(script: Script = () => false): Promise<ScriptedWebdav> {
  const requests: SeenRequest[] = []
  const objects = new Map<string, Buffer>()

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { method = '', url: path = '' } = request
    requests.push({ method, path, headers: request.headers })
    if ((await script(request, response)) !== false) return
    const body = await buffer(request)
    const stored = objects.get(path)
    if (method === 'PUT') objects.set(path, body)
    if (method === 'DELETE') objects.delete(path)
    if (method === 'MOVE') {
      objects.delete(path)
      objects.set(new URL(String(request.headers.destination), 'http://host').pathname, stored!)
    }
    const isCollection = path.endsWith('/') || [...objects.keys()].some((each) => each.startsWith(`${path}/`))
    if (method === 'PROPFIND' && (stored !== undefined || isCollection)) {
      response.writeHead(207).end(multistatus(resource(path, stored?.byteLength)))
    } else if (method === 'GET' && stored !== undefined) response.writeHead(200, { 'content-length': stored.byteLength }).end(stored)
    else response.writeHead(['GET', 'HEAD', 'PROPFIND'].includes(method) ? 404 : 201).end()
  }

  const server = createServer((request, response) => {
    // A client that goes away in the middle is what many tests are about.
    response.on('error', () => {})
    answer(request, response).catch(() => response.destroy())
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/dav`,
    requests,
    objects,
    connections: () => new Promise((resolve, reject) => server.getConnections((error, count) => (error === null ? resolve(count) : reject(error)))),
    async [Symbol.asyncDispose]() {
      server.close()
      server.closeAllConnections()
      await once(server, 'close')
    },
  }
}

/** One resource of a multi-status answer; without a size a collection. */
export function resource(href: string, sizeBytes?: number): string {
  const properties =
    sizeBytes === undefined ? '<D:resourcetype><D:collection/></D:resourcetype>' : `<D:getcontentlength>${sizeBytes}</D:getcontentlength>`
  return `<D:response><D:href>${href}</D:href><D:propstat><D:prop>${properties}</D:prop><D:status>HTTP/1.1 200 OK</D:status></D:propstat></D:response>`
}

export function multistatus(...resources: readonly string[]): string {
  return `<?xml version="1.0" encoding="utf-8"?><D:multistatus xmlns:D="DAV:">${resources.join('')}</D:multistatus>`
}
