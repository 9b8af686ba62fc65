import { errorCodes, type ErrorCode } from './errors.ts'

const firstDelayMs = 60_000
const lastDelayMs = 30 * 60_000

/**
 * When the next try of a run may start: after the first failure in a minute, after the last one that is tried again in half an hour, evenly (as factors) between.
 * @param attempt of the run that failed, from 1
 * @param attempts how many more there may be in all
 * @returns milliseconds from now; `null`: no more
 */
export function retryDelayMs(code: ErrorCode, attempt: number, attempts: number): number | null {
  if (!errorCodes[code].retryable || attempt > attempts) return null
  if (attempts === 1) return firstDelayMs
  return Math.round(firstDelayMs * (lastDelayMs / firstDelayMs) ** ((attempt - 1) / (attempts - 1)))
}
