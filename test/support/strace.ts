import { execFile } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { promisify } from 'node:util'

const exec = promisify(execFile)

/** Why no program can be traced here, as the reason of a skipped test; absent when one can. */
export async function whyNoStrace(): Promise<string | undefined> {
  return await exec('strace', ['-f', '-y', '-e', 'trace=none', 'true']).then(
    () => undefined,
    (error: Error) => `strace does not work here: ${error.message.split('\n')[0] ?? ''}`,
  )
}

/** One system call. `startedAt` and `endedAt` are lines of the trace: what ended on an earlier line than another started was over by then. */
export interface SystemCall {
  name: string
  /** of the process, or of its thread */
  pid: number
  /** as strace prints them, file descriptors with their paths: `21</tmp/x>` */
  args: string
  startedAt: number
  endedAt: number
  succeeded: boolean
  /** what it returned; for a read how many bytes */
  result: number
}

/** The calls in a trace written by `strace -f -y -o FILE`, in the order they began; those a signal ended are left out. */
export function readTrace(file: string): SystemCall[] {
  const calls: SystemCall[] = []
  const begun = new Map<string, SystemCall>()
  for (const [line, text] of readFileSync(file, 'utf8').split('\n').entries()) {
    const [, pid = '', rest = ''] = /^(\d+)\s+(.*)$/.exec(text) ?? []
    const whole = /^(\w+)\((.*)\)\s+= (-?\d+)/.exec(rest)
    const unfinished = /^(\w+)\((.*) <unfinished \.\.\.>$/.exec(rest)
    const resumed = /^<\.\.\. \w+ resumed>(.*)\)\s+= (-?\d+)/.exec(rest)
    if (unfinished !== null) {
      begun.set(pid, {
        name: unfinished[1]!,
        pid: Number(pid),
        args: unfinished[2]!,
        startedAt: line,
        endedAt: Infinity,
        succeeded: false,
        result: -1,
      })
    } else if (resumed !== null) {
      const call = begun.get(pid)
      begun.delete(pid)
      if (call !== undefined)
        calls.push({ ...call, args: call.args + resumed[1]!, endedAt: line, succeeded: !resumed[2]!.startsWith('-'), result: Number(resumed[2]) })
    } else if (whole !== null) {
      calls.push({
        name: whole[1]!,
        pid: Number(pid),
        args: whole[2]!,
        startedAt: line,
        endedAt: line,
        succeeded: !whole[3]!.startsWith('-'),
        result: Number(whole[3]),
      })
    }
  }
  return calls.toSorted((a, b) => a.startedAt - b.startedAt)
}

/** The paths in a call's arguments: strings, and what its file descriptors stand for. */
export function pathsOf({ args }: SystemCall): string[] {
  return [...args.matchAll(/"([^"]*)"|\d+<([^>]*)>/g)].map(([, text, path]) => text ?? path ?? '')
}

/** What is read of a file of whole pages beside its content: the first bytes, which say whether it is a database. */
export const sqliteLookBytes = 100
