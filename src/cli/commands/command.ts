import type { CliContext } from '../cli-context.ts'
import type { ExitCode } from '../exit-code.ts'

/** Runs a command's work with the process's context and makes its answer the exit code. */
export type RunCommand = (work: (context: CliContext) => Promise<ExitCode>) => Promise<void>

/** For options that may be given more than once. */
export function collect(value: string, before: string[]): string[] {
  return [...before, value]
}
