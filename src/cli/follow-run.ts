import { setTimeout as wait } from 'node:timers/promises'
import type { Client } from '../client/client.ts'
import type { RunDetail } from '../core/run.ts'
import type { KeptRunEvent } from '../core/run-event.ts'
import type { CliContext } from './cli-context.ts'
import { type ExitCode, exitCodes } from './exit-code.ts'
import { printJson, printRows } from './rows.ts'

const lookEveryMs = 1000

/** Prints the events of a run as they come, until it has ended. @returns how it ended, as a backup of this machine would exit */
export async function followRun(context: CliContext, client: Client, id: string, { json }: { json: boolean }): Promise<ExitCode> {
  const params = { id }
  let lastSeq = 0
  for (;;) {
    // Asked first: whatever happened before its end is among the events asked for afterwards.
    const run = await client.runs.get({ params })
    for (;;) {
      const { items } = await client.runs.events({ params, query: { after_seq: lastSeq } })
      for (const event of items) await (json ? printJson(context, event) : printRows(context, [eventRow(event)]))
      if (items.length === 0) break
      lastSeq = items.at(-1)!.seq
    }
    if (run.ended_at !== null) return exitCodeOfRun(run)
    await wait(lookEveryMs, undefined, { signal: context.signal }).catch((error: unknown) => {
      context.signal.throwIfAborted()
      throw error
    })
  }
}

export function eventRow({ ts, level, kind, message }: KeptRunEvent): string[] {
  return [new Date(ts).toISOString(), level.padEnd(5), kind, message]
}

function exitCodeOfRun({ status, outcome }: RunDetail): ExitCode {
  if (status !== 'success') return exitCodes.failed
  return outcome === 'warning' ? exitCodes.warnings : exitCodes.ok
}
