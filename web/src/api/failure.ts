import { BastionError, errorCodes, type ErrorCode } from '../../../src/core/errors.ts'

/** What is shown of an error: of the API, of a run, or of the browser. */
export interface ShownFailure {
  code: ErrorCode
  message: string
  hint: string
  requestId?: string
}

export function failureOf(error: unknown): ShownFailure {
  if (error instanceof BastionError) {
    const requestId = error.details['request_id']
    return { code: error.code, message: error.message, hint: error.hint, ...(typeof requestId === 'string' && { requestId }) }
  }
  // What fetch throws when there was no answer at all.
  if (error instanceof TypeError) return { code: 'hub_unreachable', message: error.message, hint: errorCodes.hub_unreachable.hint }
  return { code: 'internal', message: error instanceof Error ? error.message : String(error), hint: errorCodes.internal.hint }
}
