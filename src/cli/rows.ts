import type { CliContext } from './cli-context.ts'
import { printableText } from './entry-text.ts'

export function printJson(context: CliContext, value: unknown): Promise<void> {
  return context.out(`${JSON.stringify(value)}\n`)
}

/** One line each. What came from elsewhere cannot write to the screen. */
export async function printRows(context: CliContext, rows: readonly (readonly string[])[]): Promise<void> {
  for (const row of rows) await context.out(`${row.map(printableText).join('  ')}\n`)
}
