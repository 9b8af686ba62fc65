import { BastionError } from '../core/errors.ts'

export const exitCodes = { ok: 0, failed: 1, usage: 2, warnings: 3, interrupted: 130 } as const
export type ExitCode = (typeof exitCodes)[keyof typeof exitCodes]

/** A command line that asks for something impossible is the caller's to mend, other failures are not. */
export function exitCodeOf(error: unknown): ExitCode {
  if (!(error instanceof BastionError)) return exitCodes.failed
  if (error.code === 'canceled') return exitCodes.interrupted
  return error.code === 'invalid_spec' ? exitCodes.usage : exitCodes.failed
}
