import { closeSync, constants, fdatasyncSync, fstatSync, ftruncateSync, openSync, writeSync } from 'node:fs'
import type { RunEvent } from '../core/run-event.ts'
import type { JournalLine, WorkOutcome } from '../protocol/runner-messages.ts'

/** What a runner writes of its work, a line each. Told as durable is only what survives a power cut. */
export interface Journal extends Disposable {
  readonly durableSeq: number
  /** The outcome is there, and durable. */
  readonly ended: boolean
  /** @throws the system's error, now and with every later event, when a line could not be written or made durable */
  append(event: RunEvent): void
  /** Writes the last line. Durable when it returns. @throws the system's error */
  end(outcome: WorkOutcome): void
}

/** Parts are stored several times a second: those are made durable together. */
const lazyKinds: ReadonlySet<RunEvent['kind']> = new Set(['part_stored'])
const maxDelayMs = 1000

/**
 * @param options.file is there · `lastSeq` of the events it holds, all of them durable
 * @param options.onDurable told when more of it is
 */
export function openJournal(options: { file: string; lastSeq: number; onDurable?: () => void }): Journal {
  const fd = openSync(options.file, constants.O_WRONLY | constants.O_APPEND | constants.O_NOFOLLOW)
  let goodBytes = fstatSync(fd).size
  let lastSeq = options.lastSeq
  let durableSeq = lastSeq
  let ended = false
  let failure: { error: unknown } | null = null
  let timer: NodeJS.Timeout | undefined

  function write(line: JournalLine): void {
    const bytes = Buffer.from(`${JSON.stringify(line)}\n`)
    try {
      for (let at = 0; at < bytes.length;) at += writeSync(fd, bytes, at)
      goodBytes += bytes.length
    } catch (error) {
      try {
        ftruncateSync(fd, goodBytes)
      } catch {
        // Half a line is left then; nothing is written behind it, and whoever reads leaves it out.
      }
      throw error
    }
  }

  function sync(): void {
    clearTimeout(timer)
    timer = undefined
    fdatasyncSync(fd)
    durableSeq = lastSeq
    options.onDurable?.()
  }

  /** What failed once is not tried again: after a failed fsync nobody knows what the disk has. */
  function orFail(work: () => void): void {
    if (failure !== null) throw failure.error
    try {
      work()
    } catch (error) {
      failure = { error }
      throw error
    }
  }

  return {
    get durableSeq() {
      return durableSeq
    },
    get ended() {
      return ended
    },
    append(event) {
      orFail(() => {
        write({ seq: lastSeq + 1, event })
        lastSeq += 1
        if (!lazyKinds.has(event.kind)) sync()
        else
          timer ??= setTimeout(() => {
            try {
              orFail(sync)
            } catch {
              // told to the next event, and to the end
            }
          }, maxDelayMs)
      })
    },
    end(outcome) {
      orFail(() => {
        write({ last_seq: lastSeq, outcome })
        ended = true
        try {
          sync()
        } catch (error) {
          ended = false
          throw error
        }
      })
    },
    [Symbol.dispose]() {
      clearTimeout(timer)
      closeSync(fd)
    },
  }
}
