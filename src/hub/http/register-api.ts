import { Readable } from 'node:stream'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import type { z } from 'zod'
import { checkShape } from '../../core/check-shape.ts'
import { type Api, allRoutes } from '../../protocol/http/api.ts'
import { attachmentType } from '../../protocol/http/names.ts'
import type { Answer, Download, Route } from '../../protocol/http/route.ts'
import type { Guard } from './guard.ts'
import type { CallContext, Handlers } from './handlers.ts'
import { invalidInput } from './problem-reply.ts'
import { sessionCookie } from './session-cookie.ts'

export type ApiHandlers = { readonly [Noun in keyof Api]: Handlers<Api[Noun]> }

/** The second is an alias that stays when there will be a version 2. */
export const apiPrefixes = ['/api', '/api/v1']

/** A handler as it is called: what came in was parsed by its route's own schemas. */
type AnyHandler = (request: Record<string, unknown>, context: CallContext & { signedIn: unknown }) => Promise<unknown>

export function registerApi(app: FastifyInstance, handlers: ApiHandlers, { guard, isSecure }: { guard: Guard; isSecure: boolean }): void {
  const all = handlers as unknown as Readonly<Record<string, Readonly<Record<string, AnyHandler>>>>
  for (const { noun, name, route } of allRoutes()) {
    const handler = answering(route, all[noun]![name]!)
    for (const prefix of apiPrefixes) app.route({ method: route.method, url: `${prefix}${route.path}`, handler })
  }

  function answering(route: Route, handler: AnyHandler) {
    return async (request: FastifyRequest, reply: FastifyReply) => {
      const signedIn = await guard.admit(request, route.access)
      const given = partsOf(route, request)
      const gone = new AbortController()
      reply.raw.once('close', () => gone.abort())
      const result = await handler(given, {
        signedIn,
        address: request.ip,
        userAgent: request.headers['user-agent'] ?? '',
        signal: gone.signal,
        setSession: (token) => void reply.header('set-cookie', sessionCookie(token, isSecure)),
      })
      return sendAnswer(reply, route.answer, result)
    }
  }
}

function partsOf(route: Route, request: FastifyRequest): Record<string, unknown> {
  return {
    ...(route.params && { params: parsed(route.params, request.params) }),
    ...(route.query && { query: parsed(route.query, request.query) }),
    ...(route.body && { body: parsed(route.body, request.body) }),
  }
}

/** @throws invalid_spec */
function parsed(schema: z.ZodType, value: unknown): unknown {
  const result = checkShape(schema, value)
  if (!result.success) throw invalidInput(result.error)
  return result.data
}

/** What leaves is what the schema says and nothing beside it; a result that does not fit is a bug. */
function sendAnswer(reply: FastifyReply, answer: Answer, result: unknown): FastifyReply {
  reply.code(answer.status)
  if ('json' in answer) return reply.type('application/json; charset=utf-8').send(JSON.stringify(answer.json.parse(result)))
  if ('bytes' in answer) return sendDownload(reply, result as Download)
  return reply.send()
}

/** As a file to be kept, which a browser neither shows nor runs. */
function sendDownload(reply: FastifyReply, { fileName, sizeBytes, body }: Download): FastifyReply {
  if (sizeBytes !== undefined) reply.header('content-length', sizeBytes)
  return reply
    .type(attachmentType)
    .header('content-disposition', `attachment; filename*=UTF-8''${encodeFileName(fileName)}`)
    .header('content-security-policy', "sandbox; default-src 'none'")
    .send(Readable.from(body, { objectMode: false }))
}

/** RFC 8187: what encodeURIComponent leaves and a parameter may not hold is encoded too. */
function encodeFileName(name: string): string {
  return encodeURIComponent(name.toWellFormed()).replace(/['()*]/g, (letter) => `%${letter.charCodeAt(0).toString(16).toUpperCase()}`)
}
