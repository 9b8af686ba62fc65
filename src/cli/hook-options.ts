import { hookCommandSchema } from '../core/hooks.ts'
import { BastionError } from '../core/errors.ts'

/** A command as it is typed: the absolute path of a program, or a JSON array of it and its arguments. @throws invalid_spec */
export function hookCommand(text: string): string[] {
  const parsed = hookCommandSchema.safeParse(text.trimStart().startsWith('[') ? parseOrNull(text) : [text])
  if (parsed.success) return parsed.data
  throw new BastionError('invalid_spec', `${JSON.stringify(text)} is no command: ${parsed.error.issues[0]?.message ?? 'not valid'}`, {
    hint: `Write a JSON array with an absolute path first, such as '["/usr/bin/docker","stop","app"]'.`,
  })
}

/** What `--hook-before`, `--hook-after` and `--hook-timeout` say, as a source has it. @throws invalid_spec */
export function hooksOf(options: { hookBefore?: string; hookAfter?: string; hookTimeout: string }): { hooks?: unknown } {
  const hook = (text: string | undefined) => (text === undefined ? undefined : { command: hookCommand(text), timeout_s: Number(options.hookTimeout) })
  const [before, after] = [hook(options.hookBefore), hook(options.hookAfter)]
  return before === undefined && after === undefined ? {} : { hooks: { before, after } }
}

function parseOrNull(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return null
  }
}
