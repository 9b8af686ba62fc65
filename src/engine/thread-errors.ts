import { BastionError, type ErrorCode } from '../core/errors.ts'

/** An error on its way between threads, which clone plain objects only. */
export interface ThreadError {
  code: ErrorCode | null
  message: string
  details?: Readonly<Record<string, unknown>>
  stack?: string | undefined
}

export function packError(error: unknown): ThreadError {
  if (error instanceof BastionError) return { code: error.code, message: error.message, details: error.details }
  return error instanceof Error ? { code: null, message: error.message, stack: error.stack } : { code: null, message: String(error) }
}

export function reviveError(thrown: unknown): Error {
  const { code, message, details, stack } = thrown as ThreadError
  if (code !== null) return new BastionError(code, message, details === undefined ? {} : { details })
  const error = new Error(message)
  if (stack !== undefined) error.stack = stack
  return error
}
