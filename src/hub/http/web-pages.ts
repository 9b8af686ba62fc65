import fastifyStatic from '@fastify/static'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { existsSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { apiPrefixes } from './register-api.ts'

/** Sends the page of the web interface when the address may be one of its own; null when it is none. */
type SendPage = (request: FastifyRequest, reply: FastifyReply) => FastifyReply | null

/** What has a place of its own: nothing there is a page of the web interface. */
const otherPlaces = [...apiPrefixes, '/docs', '/metrics', '/assets']

/**
 * The web interface at `/`, as it was built from web/: one page that finds its way by the address. Its files have a hash of their content in their names and are kept
 * by browsers for good; the page that names them is asked for each time. Where it was not built, `/` leads to the documentation.
 */
export async function registerWebPages(app: FastifyInstance, directory: string): Promise<SendPage> {
  const index = path.join(directory, 'index.html')
  if (!existsSync(index)) {
    app.get('/', (_, reply) => reply.redirect('/docs/'))
    return () => null
  }
  const page = readFileSync(index)
  const sendIndex = (reply: FastifyReply) => reply.type('text/html; charset=utf-8').header('cache-control', 'no-cache').send(page)

  await app.register(async (web) => {
    await web.register(fastifyStatic, {
      root: path.join(directory, 'assets'),
      prefix: '/assets/',
      preCompressed: true,
      immutable: true,
      maxAge: '1y',
    })
  })
  for (const name of ['appearance.js', 'favicon.svg']) {
    const content = readFileSync(path.join(directory, name))
    const type = name.endsWith('.js') ? 'text/javascript; charset=utf-8' : 'image/svg+xml'
    app.get(`/${name}`, (_, reply) => reply.type(type).header('cache-control', 'no-cache').send(content))
  }
  app.get('/', (_, reply) => sendIndex(reply))

  return (request, reply) => {
    if (request.method !== 'GET' || !(request.headers.accept ?? '').includes('text/html')) return null
    const isElsewhere = otherPlaces.some((place) => request.url === place || request.url.startsWith(`${place}/`))
    return isElsewhere ? null : sendIndex(reply)
  }
}
