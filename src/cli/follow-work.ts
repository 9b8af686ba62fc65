import { setTimeout as wait } from 'node:timers/promises'
import type { KeptRunEvent } from '../core/run-event.ts'
import type { CliContext } from './cli-context.ts'
import { type ExitCode, exitCodes } from './exit-code.ts'
import { printJson, printRows } from './rows.ts'

const lookEveryMs = 1000

/** How a run or an operation stands. */
interface Followed {
  status: string
  outcome: 'success' | 'warning' | null
  ended_at: number | null
}

/** The calls by which a client asks for runs, or for operations. */
interface FollowCalls {
  get(input: { params: { id: string } }): Promise<Followed>
  events(input: { params: { id: string }; query: { after_seq: number } }): Promise<{ items: KeptRunEvent[] }>
}

/** Prints the events of a run or an operation as they come, until it has ended. @returns how it ended, as the same work on this machine would exit */
export async function followWork(context: CliContext, calls: FollowCalls, id: string, { json }: { json: boolean }): Promise<ExitCode> {
  const params = { id }
  let lastSeq = 0
  for (;;) {
    // Asked first: whatever happened before its end is among the events asked for afterwards.
    const work = await calls.get({ params })
    for (;;) {
      const { items } = await calls.events({ params, query: { after_seq: lastSeq } })
      for (const event of items) await (json ? printJson(context, event) : printRows(context, [eventRow(event)]))
      if (items.length === 0) break
      lastSeq = items.at(-1)!.seq
    }
    if (work.ended_at !== null) return exitCodeOf(work)
    await wait(lookEveryMs, undefined, { signal: context.signal }).catch((error: unknown) => {
      context.signal.throwIfAborted()
      throw error
    })
  }
}

function eventRow({ ts, level, kind, message }: KeptRunEvent): string[] {
  return [new Date(ts).toISOString(), level.padEnd(5), kind, message]
}

function exitCodeOf({ status, outcome }: Followed): ExitCode {
  if (status !== 'success') return exitCodes.failed
  return outcome === 'warning' ? exitCodes.warnings : exitCodes.ok
}
