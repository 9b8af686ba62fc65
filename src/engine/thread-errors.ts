import { BastionError, type ErrorCode } from '../core/errors.ts'

/** An error on its way between threads, which clone plain objects only. */
export interface ThreadError {
  code: ErrorCode | null
  /** of a system's error: ENOSPC and its like */
  systemCode?: string | undefined
  message: string
  details?: Readonly<Record<string, unknown>>
  stack?: string | undefined
}

export function packError(error: unknown): ThreadError {
  if (error instanceof BastionError) return { code: error.code, message: error.message, details: error.details }
  if (!(error instanceof Error)) return { code: null, message: String(error) }
  return { code: null, systemCode: (error as NodeJS.ErrnoException).code, message: error.message, stack: error.stack }
}

export function reviveError(thrown: unknown): Error {
  const { code, systemCode, message, details, stack } = thrown as ThreadError
  if (code !== null) return new BastionError(code, message, details === undefined ? {} : { details })
  const error: NodeJS.ErrnoException = new Error(message)
  if (systemCode !== undefined) error.code = systemCode
  if (stack !== undefined) error.stack = stack
  return error
}
