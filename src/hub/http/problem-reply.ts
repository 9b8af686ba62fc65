import { STATUS_CODES } from 'node:http'
import type { FastifyError, FastifyReply } from 'fastify'
import type { ZodError } from 'zod'
import { BastionError, type ErrorCode } from '../../core/errors.ts'
import { type Problem, statusOfCode } from '../../protocol/http/problem.ts'

export const problemType = 'application/problem+json'

/** What a caller is told of `error`. What nobody expected is a bug: its message stays here, the request id leads to it in the log. */
export function problemOf(error: unknown, requestId: string): Problem {
  const { code, message, hint, details } = expected(error)
  const status = statusOfCode[code]
  return { title: STATUS_CODES[status] ?? 'Error', status, code, message, hint, details: { ...details }, request_id: requestId }
}

export function sendProblem(reply: FastifyReply, problem: Problem): FastifyReply {
  const retryAfter = problem.details['retry_after_s']
  if (typeof retryAfter === 'number') reply.header('retry-after', retryAfter)
  return reply.code(problem.status).type(problemType).send(JSON.stringify(problem))
}

/** Whether `error` should be in the log with its stack. */
export function isBug(error: unknown): boolean {
  return expected(error).code === 'internal'
}

function expected(error: unknown): BastionError {
  if (error instanceof BastionError) return error
  const refused = codeOfRefusal(error as Partial<FastifyError>)
  if (refused !== null) return new BastionError(refused, `the request cannot be read: ${(error as Error).message}`, { hint: 'Check what was sent.' })
  return new BastionError('internal', 'something went wrong inside of the Hub', { hint: 'Its log says more, under this request id.' })
}

/** What Fastify refuses before a handler is asked, such as a body that is too large or no JSON. */
function codeOfRefusal({ code, statusCode }: Partial<FastifyError>): ErrorCode | null {
  const isRefusal = code?.startsWith('FST_ERR_') === true && statusCode !== undefined && statusCode >= 400 && statusCode < 500
  return isRefusal ? 'invalid_spec' : null
}

/** The fields that were not as they should be. */
export function invalidInput(error: ZodError): BastionError {
  const fields = error.issues.map((issue) => ({ path: issue.path.map(String).join('.'), message: issue.message }))
  const sentence = fields.map(({ path, message }) => (path === '' ? message : `${path}: ${message}`)).join('; ')
  return new BastionError('invalid_spec', sentence, { hint: 'details.fields names each field.', details: { fields } })
}
