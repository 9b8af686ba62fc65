import fastifyStatic from '@fastify/static'
import type { FastifyInstance } from 'fastify'
import { existsSync } from 'node:fs'

/** The documentation at `/docs/`, as it was built from docs/. */
export async function registerDocs(app: FastifyInstance, directory: string): Promise<void> {
  if (!existsSync(directory)) return
  await app.register(async (docs) => {
    docs.addHook('onSend', async (_, reply) => {
      // Code samples are coloured by style attributes. Scripts stay files of this origin.
      const policy = reply.getHeader('content-security-policy')
      if (typeof policy === 'string') reply.header('content-security-policy', policy.replace("style-src 'self'", "style-src 'self' 'unsafe-inline'"))
    })
    await docs.register(fastifyStatic, { root: directory, prefix: '/docs/', redirect: true, extensions: ['html'], cacheControl: false })
    docs.get('/docs', (_, reply) => reply.redirect('/docs/'))
  })
}
