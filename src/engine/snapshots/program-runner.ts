import type { CommandResult } from '../../lib/run-command.ts'
import type { Refusal, SnapshotHost } from './snapshot-provider.ts'

/** Runs a provider's programs by their names. What fails is a refusal with what the program said. */
export interface ProgramRunner {
  /** @returns what it printed */
  output(program: string, args: readonly string[], lockFd?: number): Promise<{ stdout: string } | Refusal>
  /** The result as it is, for those who decide by it; a refusal when the program cannot be run at all. */
  result(program: string, args: readonly string[], lockFd?: number): Promise<CommandResult | Refusal>
}

/** A snapshot waits for what the disk was given before. */
const timeoutMs = 10 * 60_000

/** @param env beside what every program gets */
export function createProgramRunner(host: SnapshotHost, env: Readonly<Record<string, string>> = {}): ProgramRunner {
  async function result(program: string, args: readonly string[], lockFd?: number): Promise<CommandResult | Refusal> {
    const file = host.findProgram(program)
    if (file === null) return { reason: `the program ${program} is not installed` }
    return await host.run({ file, args, timeoutMs, env, ...(lockFd === undefined ? {} : { fds: [lockFd] }) })
  }
  return {
    result,
    async output(program, args, lockFd) {
      const ended = await result(program, args, lockFd)
      if ('reason' in ended || ended.code === 0) return ended
      return { reason: failureText(program, args, ended) }
    },
  }
}

/** What a program that failed said, as a sentence for people. */
export function failureText(program: string, args: readonly string[], { code, timedOut, stderr }: CommandResult): string {
  const what = `${program} ${args[0] ?? ''}`.trim()
  if (timedOut) return `${what} took too long`
  return `${what} failed: ${stderr.trim().split('\n').slice(0, 3).join('; ') || `exit code ${code ?? 'none'}`}`
}
