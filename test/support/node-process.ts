import { spawn } from 'node:child_process'
import path from 'node:path'
import { readLines } from '../../src/lib/json-lines.ts'
import type { RunEvent } from '../../src/core/run-event.ts'
import type { RunOutcome } from '../../src/core/run.ts'
import type { HubMessage, NodeMessage } from '../../src/protocol/node-messages.ts'
import { bastionRunner } from './bastion-program.ts'

/** What a Hub keeps of the runs of a node, through all its starts. */
export interface KeptRuns {
  /** of each run, in order; a gap or another event under a number that was given throws where it arrives */
  readonly events: ReadonlyMap<string, readonly RunEvent[]>
  readonly outcomes: ReadonlyMap<string, RunOutcome>
  take(message: NodeMessage): void
}

export function keptRuns(): KeptRuns {
  const events = new Map<string, RunEvent[]>()
  const outcomes = new Map<string, RunOutcome>()
  return {
    events,
    outcomes,
    take(message) {
      if (message.type === 'run.events') {
        const kept = events.get(message.run_id) ?? []
        events.set(message.run_id, kept)
        for (const [i, event] of message.events.entries()) {
          const at = message.first_seq + i - 1
          if (at > kept.length) throw new Error(`a gap: event ${at + 1} came after ${kept.length}`)
          if (at === kept.length) kept.push(event)
          else if (JSON.stringify(kept[at]) !== JSON.stringify(event)) throw new Error(`event ${at + 1} is another one now`)
        }
      } else if (message.type === 'run.finished') {
        const { run_id: runId, last_seq: lastSeq, outcome } = message
        if (lastSeq !== (events.get(runId)?.length ?? 0)) throw new Error(`the run ended before event ${lastSeq} came`)
        const before = outcomes.get(runId)
        if (before !== undefined && JSON.stringify(before) !== JSON.stringify(outcome))
          throw new Error('the run ended twice, each time in another way')
        outcomes.set(runId, outcome)
      }
    },
  }
}

/** An executor in a process of its own, and a Hub that keeps what it says. */
export interface NodeProcess extends AsyncDisposable {
  readonly pid: number
  readonly messages: readonly NodeMessage[]
  /** what it said on stderr */
  readonly reports: string
  send(message: HubMessage): void
  /** The first message that fits, of those that came and those to come. @throws Error when the process ends first */
  next<Type extends NodeMessage['type']>(
    type: Type,
    fits?: (message: Extract<NodeMessage, { type: Type }>) => boolean,
  ): Promise<Extract<NodeMessage, { type: Type }>>
  /** kill -9 */
  kill(): Promise<void>
  readonly ended: Promise<number | null>
}

export interface NodeProcessOptions {
  dataDir: string
  runnerCommand?: readonly string[]
  limits?: { runs?: number; killAfterMs?: number }
  snapshotRoots?: readonly string[]
  allowedHooks?: readonly (readonly string[])[]
  /** a program with its arguments that gets ours after them, such as strace */
  under?: readonly string[]
  /** attaches to the runs it says hello with, and keeps what comes */
  kept?: KeptRuns
}

const script = path.join(import.meta.dirname, 'executor-process.ts')

export function startNode({ kept = keptRuns(), under = [], ...options }: NodeProcessOptions): NodeProcess {
  const command = [process.execPath, script, JSON.stringify({ runnerCommand: bastionRunner, ...options })]
  const [file = process.execPath, ...args] = [...under, ...command]
  // One thread makes all calls of files then, and the nth of one run is the nth of the next.
  const env = under.length === 0 ? process.env : { ...process.env, UV_THREADPOOL_SIZE: '1' }
  const child = spawn(file, args, { stdio: ['pipe', 'pipe', 'pipe'], env })
  const messages: NodeMessage[] = []
  const waiting = new Set<() => void>()
  let reports = ''
  let failure: Error | undefined
  const wake = () => waiting.forEach((look) => look())
  const send = (message: HubMessage) => void child.stdin.write(`${JSON.stringify(message)}\n`)
  child.stdin.on('error', () => {})
  child.stderr.on('data', (chunk: Buffer) => (reports += chunk.toString()))
  readLines(child.stdout, {
    maxLineBytes: 2 ** 24,
    onLine(line) {
      const message = JSON.parse(line) as NodeMessage
      messages.push(message)
      try {
        kept.take(message)
      } catch (error) {
        failure = error as Error
      }
      if (message.type === 'node.hello') {
        for (const { run_id: runId } of message.known_runs)
          send({ type: 'run.attach', run_id: runId, after_seq: kept.events.get(runId)?.length ?? 0 })
      }
      wake()
    },
  })
  let hasEnded = false
  const ended = new Promise<number | null>((resolve) => {
    child.once('close', (code) => {
      hasEnded = true
      resolve(code)
      wake()
    })
  })
  return {
    pid: child.pid!,
    messages,
    get reports() {
      return reports
    },
    send,
    next(type, fits = () => true) {
      return new Promise((resolve, reject) => {
        const look = () => {
          const found = messages.find(
            (message): message is Extract<NodeMessage, { type: typeof type }> => message.type === type && fits(message as never),
          )
          if (failure !== undefined) reject(failure)
          else if (found !== undefined) resolve(found)
          else if (hasEnded) reject(new Error(`the executor ended before ${type} came: ${reports}`))
          else return
          waiting.delete(look)
        }
        waiting.add(look)
        look()
      })
    },
    async kill() {
      child.kill('SIGKILL')
      await ended
    },
    ended,
    async [Symbol.asyncDispose]() {
      child.stdin.end()
      const patience = setTimeout(() => child.kill('SIGKILL'), 10_000)
      await ended
      clearTimeout(patience)
    },
  }
}
