import { readFile } from 'node:fs/promises'
import { connect, type Socket } from 'node:net'
import { join } from 'node:path'
import { setTimeout as after } from 'node:timers/promises'
import type { Clock } from '../core/clock.ts'
import { BastionError } from '../core/errors.ts'
import { failureOf } from '../core/run.ts'
import type { Progress, RunEvent } from '../core/run-event.ts'
import type { WorkNoun } from '../core/work-state.ts'
import { readLines } from '../lib/json-lines.ts'
import { socketPath } from '../lib/socket-path.ts'
import { type HandedCredentials, runnerMessageSchema, type RunnerOrder, type WorkOutcome } from '../protocol/runner-messages.ts'
import { openJournal } from './journal.ts'
import { journalEnd, type JournalPlace, journalStart, mendJournal, readJournal } from './read-journal.ts'
import { type WorkDirectories, workFiles } from './work-directory.ts'
import { endEvent } from './end-event.ts'

/** Is told what happens to a piece of work, in its order. */
export interface WorkListener {
  events(firstSeq: number, events: RunEvent[]): void
  progress(progress: Progress): void
  finished(lastSeq: number, outcome: WorkOutcome): void
}

/** A run or an operation of this node, followed from its directory until the Hub has kept all of it; its runner may live or not. */
export interface FollowedWork {
  readonly id: string
  readonly directory: string
  /** Its outcome is in the journal. */
  readonly ended: boolean
  /** @throws the system's error */
  known(): Promise<{ lastSeq: number; ended: boolean }>
  /** Sends all events behind `afterSeq`, those of the past and those to come, then the outcome. Takes the place of whoever listened before. */
  attach(afterSeq: number, to: WorkListener): void
  detach(): void
  /** For a runner that waits for them. */
  giveCredentials(credentials: HandedCredentials): void
  cancel(): void
  /** Leaves the runner to itself. */
  close(): Promise<void>
}

export interface FollowOptions {
  noun: WorkNoun
  id: string
  directory: string
  directories: WorkDirectories
  clock: Clock
  /** how long a runner may take to end after a cancel before it is killed */
  killAfterMs: number
  report: (problem: string) => void
}

const lookAgainMs = { first: 20, last: 1000 } as const
const tryAgainMs = 5000
const maxMessageBytes = 1024 * 1024

export function followWork(options: FollowOptions): FollowedWork {
  const { noun, id, directory, directories, clock, report } = options
  const journalFile = join(directory, workFiles.journal)
  let durableSeq = 0
  let ended = false
  let closed = false
  let socket: Socket | null = null
  let credentials: HandedCredentials | null = null
  let cancelRequested = false
  let killing: NodeJS.Timeout | undefined
  let progress: Progress | null = null
  let listener: { to: WorkListener; place: JournalPlace; afterSeq: number } | null = null
  let sending: Promise<void> | null = null
  let moreToSend = false
  const closing = new AbortController()

  /** Until the runner is gone and the journal has an outcome. */
  async function follow(): Promise<void> {
    for (let waitMs: number = lookAgainMs.first; !closed; waitMs = Math.min(waitMs * 2, lookAgainMs.last)) {
      if (await talk()) waitMs = lookAgainMs.first
      if (closed) return
      const isOver = await conclude().catch(async (error: unknown) => {
        report(`${noun} ${id} cannot be looked at: ${messageOf(error)}`)
        await pause(tryAgainMs)
        return false
      })
      if (isOver) return
      await pause(waitMs)
    }
  }

  /** Talks with the runner until it hangs up. @returns whether it was there */
  async function talk(): Promise<boolean> {
    using address = socketPath(directory, workFiles.socket)
    const connecting = connect(address.path)
    const hungUp = new Promise<void>((resolve) => connecting.once('close', resolve))
    let isThere = false
    connecting.on('error', () => {}) // not there yet, or not any more: the lock says which
    connecting.on('connect', () => {
      isThere = true
      socket = connecting
      if (cancelRequested) order({ type: 'runner.cancel' })
    })
    readLines(connecting, { maxLineBytes: maxMessageBytes, onLine: hear })
    const leave = () => connecting.destroy()
    closing.signal.addEventListener('abort', leave, { once: true })
    await hungUp
    closing.signal.removeEventListener('abort', leave)
    socket = null
    return isThere
  }

  function hear(line: string): void {
    const message = runnerMessageSchema.parse(JSON.parse(line))
    if (message.type === 'runner.progress') {
      progress = message.progress
      listener?.to.progress(progress)
      return
    }
    durableSeq = Math.max(durableSeq, message.durable_seq)
    ended ||= message.ended
    if (!message.needs_credentials) credentials = null
    else if (credentials !== null) order({ type: 'runner.credentials', credentials })
    sendOn()
  }

  function order(message: RunnerOrder): void {
    socket?.write(`${JSON.stringify(message)}\n`)
  }

  /** @returns false while the runner lives */
  async function conclude(): Promise<boolean> {
    using lock = directories.tryLock(directory)
    if (lock === null) return false
    clearTimeout(killing)
    const { end, outcome } = await journalEnd(journalFile)
    await mendJournal(journalFile, end)
    durableSeq = end.seq
    if (outcome === null) {
      const found = cancelRequested ? canceled : vanished(noun)
      using journal = openJournal({ file: journalFile, lastSeq: end.seq })
      journal.append(endEvent(noun, found, clock.now())!)
      journal.end(found)
      durableSeq = journal.durableSeq
    }
    ended = true
    sendOn()
    return true
  }

  function sendOn(): void {
    moreToSend = true
    sending ??= send().finally(() => {
      sending = null
      // Asked for after the last look and before this.
      if (moreToSend && !closed) sendOn()
    })
  }

  async function send(): Promise<void> {
    while (moreToSend && !closed) {
      moreToSend = false
      const to = listener
      if (to === null) return
      try {
        await sendTo(to)
      } catch (error) {
        report(`the journal of ${noun} ${id} cannot be read: ${messageOf(error)}`)
        await pause(tryAgainMs)
        moreToSend = true
      }
    }
  }

  async function sendTo(heard: NonNullable<typeof listener>): Promise<void> {
    const { to, afterSeq } = heard
    while (listener === heard && !closed) {
      const { events, outcome, next } = await readJournal(journalFile, heard.place, { seq: durableSeq, ended })
      if (listener !== heard || closed) return
      const fresh = events.slice(Math.max(0, afterSeq - heard.place.seq))
      heard.place = next
      if (fresh.length > 0) to.events(next.seq - fresh.length + 1, fresh)
      if (outcome !== null) {
        listener = null
        to.finished(next.seq, outcome)
        return
      }
      if (events.length === 0) return
      // Whoever listens may be in this process.
      await new Promise((resolve) => setImmediate(resolve))
    }
  }

  async function kill(): Promise<void> {
    using free = directories.tryLock(directory)
    if (free !== null) return
    // Held, so the pid in it is of who holds it.
    const pid = Number(await readFile(join(directory, workFiles.lock), 'latin1'))
    if (!Number.isSafeInteger(pid) || pid <= 1) return
    report(`${noun} ${id} has not ended after it was canceled: its runner ${pid} is killed`)
    process.kill(pid, 'SIGKILL')
  }

  async function pause(ms: number): Promise<void> {
    await after(ms, undefined, { signal: closing.signal }).catch(() => {})
  }

  const following = follow()

  return {
    id,
    directory,
    get ended() {
      return ended
    },
    async known() {
      const { end, outcome } = await journalEnd(journalFile)
      return { lastSeq: end.seq, ended: outcome !== null }
    },
    attach(afterSeq, to) {
      listener = { to, place: journalStart, afterSeq }
      if (progress !== null && !ended) to.progress(progress)
      sendOn()
    },
    detach() {
      listener = null
    },
    giveCredentials(given) {
      credentials = given
      order({ type: 'runner.credentials', credentials })
    },
    cancel() {
      if (ended) return
      cancelRequested = true
      order({ type: 'runner.cancel' })
      killing ??= setTimeout(() => {
        killing = undefined
        kill().catch((error: unknown) => report(`the runner of ${noun} ${id} cannot be killed: ${messageOf(error)}`))
      }, options.killAfterMs)
    },
    async close() {
      closed = true
      clearTimeout(killing)
      closing.abort()
      await Promise.all([following, sending])
    },
  }
}

function vanished(noun: WorkNoun): WorkOutcome {
  return { status: 'failed', error: failureOf(new BastionError('interrupted', `the process of the ${noun} ended before the ${noun} did`)) }
}
const canceled: WorkOutcome = { status: 'canceled' }

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
