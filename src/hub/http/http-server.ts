import helmet from '@fastify/helmet'
import websocket from '@fastify/websocket'
import Fastify, { type FastifyError, type FastifyInstance } from 'fastify'
import { randomUUID } from 'node:crypto'
import { createServer } from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { BastionError } from '../../core/errors.ts'
import { openApiDocument } from '../../protocol/http/openapi.ts'
import { apiHandlers } from './api-handlers.ts'
import { registerDocs } from './docs-pages.ts'
import { createGuard } from './guard.ts'
import type { HttpServices } from './http-services.ts'
import { dismissSockets, largestLiveRequest, registerLiveSockets } from './live-socket.ts'
import { registerMetrics } from './metrics.ts'
import { isBug, problemOf, sendProblem } from './problem-reply.ts'
import { apiPrefixes, registerApi } from './register-api.ts'
import { securityHeaders } from './security-headers.ts'
import type { Transport } from './transport.ts'
import { registerWebPages } from './web-pages.ts'

export interface HttpServerOptions {
  transport: Transport
  /** what whoever makes the first administrator must know; null: nothing */
  setupToken: string | null
  /** null: metrics are for this machine only */
  metricsToken: string | null
  /** where the built documentation is */
  docsDirectory: string
  /** where the built web interface is */
  webDirectory: string
}

export interface HttpServer extends AsyncDisposable {
  /** where it listens */
  readonly url: string
}

const largestBody = 1024 * 1024
/** Who is still reading a download when the Hub ends has so long, and who does not answer that a live socket is closed. */
const graceMs = 3000

/** @throws invalid_spec when it cannot listen there */
export async function startHttpServer(services: HttpServices, options: HttpServerOptions): Promise<HttpServer> {
  const { transport } = options
  const app = await createApp(services, options)
  try {
    await app.listen({ host: transport.host, port: transport.port })
  } catch (error) {
    await app.close()
    const { code = 'unknown' } = error as NodeJS.ErrnoException
    throw new BastionError('invalid_spec', `the Hub cannot listen on ${transport.host}, port ${transport.port} (${code})`, {
      cause: error,
      hint: code === 'EADDRINUSE' ? 'Another program listens there, perhaps another Hub. Choose another --port.' : 'Choose another --host or --port.',
    })
  }
  const { port } = app.server.address() as AddressInfo
  return {
    url: `${transport.tls === undefined ? 'http' : 'https'}://${transport.host.includes(':') ? `[${transport.host}]` : transport.host}:${port}`,
    async [Symbol.asyncDispose]() {
      const impatient = setTimeout(() => {
        app.server.closeAllConnections()
        for (const socket of app.websocketServer.clients) socket.terminate()
      }, graceMs)
      await app.close()
      clearTimeout(impatient)
    },
  }
}

async function createApp(
  services: HttpServices,
  { transport, setupToken, metricsToken, docsDirectory, webDirectory }: HttpServerOptions,
): Promise<FastifyInstance> {
  const { tls, isSecure, trustedProxies } = transport
  const app = Fastify({
    serverFactory: (handler) => (tls === undefined ? createServer(handler) : createTlsServer(tls, handler)),
    trustProxy: trustedProxies.length === 0 ? false : [...trustedProxies],
    bodyLimit: largestBody,
    genReqId: () => randomUUID(),
    forceCloseConnections: 'idle',
  })
  const guard = createGuard({ transport, sessions: services.sessions })

  await app.register(helmet, securityHeaders({ isSecure }))
  // Before the plugin's own hook, which closes them without a reason.
  app.addHook('preClose', async () => dismissSockets(app.websocketServer.clients))
  await app.register(websocket, { options: { maxPayload: largestLiveRequest } })
  app.removeContentTypeParser('text/plain')

  app.addHook('onRequest', async (request, reply) => {
    reply.header('x-request-id', request.id)
    if (apiPrefixes.some((prefix) => request.url.startsWith(`${prefix}/`))) reply.header('cache-control', 'no-store')
    guard.checkOrigin(request)
  })
  app.setErrorHandler((error: FastifyError, request, reply) => {
    if (isBug(error)) services.log.error({ err: error, request_id: request.id, method: request.method, url: request.url }, 'a request failed')
    return sendProblem(reply, problemOf(error, request.id))
  })
  registerMetrics(app, services, metricsToken)
  registerApi(app, apiHandlers(services, setupToken), { guard, isSecure })
  registerLiveSockets(app, services, guard)
  const document = JSON.stringify(openApiDocument(services.version))
  for (const prefix of apiPrefixes) app.get(`${prefix}/openapi.json`, (_, reply) => reply.type('application/json; charset=utf-8').send(document))
  await registerDocs(app, docsDirectory)
  const sendPage = await registerWebPages(app, webDirectory)
  app.setNotFoundHandler(
    (request, reply) =>
      sendPage(request, reply) ?? sendProblem(reply, problemOf(new BastionError('not_found', 'there is nothing at this address'), request.id)),
  )
  return app
}
