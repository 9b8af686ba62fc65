import { spawn } from 'node:child_process'
import type { Readable } from 'node:stream'
import { BastionError } from '../core/errors.ts'
import type { Failure } from '../core/run.ts'
import { readLines } from '../lib/json-lines.ts'
import { requestAnswerSchema, type RequestTask } from '../protocol/runner-messages.ts'

/** A process that answers one request. */
export interface RequestProcess extends AsyncDisposable {
  /** @throws BastionError why there is no answer */
  readonly answer: Promise<unknown>
  /** What follows the answer, as fast as it is taken. Throws at its end unless the process said that this was all. */
  readonly body: AsyncIterable<Uint8Array>
  /** Asks it to end; killed when it does not. */
  cancel(): void
}

const maxAnswerBytes = 32 * 1024 * 1024
const maxNoteBytes = 64 * 1024
/** For what it has to clean up. */
const killAfterMs = 20_000

/** @param command what `bastion runner --request` is called here */
export function startRequest(command: readonly string[], task: RequestTask): RequestProcess {
  const [file, ...args] = command
  const child = spawn(file!, [...args, '--request'], { cwd: '/', stdio: ['pipe', 'pipe', 'pipe', 'pipe'] })
  const answer = Promise.withResolvers<unknown>()
  const whole = Promise.withResolvers<void>()
  // Who asks for the one may not ask for the other.
  answer.promise.catch(() => {})
  whole.promise.catch(() => {})
  const fail = (error: unknown) => {
    answer.reject(error)
    whole.reject(error)
  }
  let killing: NodeJS.Timeout | undefined
  let canceled = false
  let hasToldAll = false
  let notes = ''
  child.stderr.on('data', (chunk: Buffer) => (notes = `${notes}${chunk.toString('utf8')}`.slice(-maxNoteBytes)))
  readLines(child.stdio[3] as Readable, {
    maxLineBytes: maxAnswerBytes,
    onLine(line) {
      const said = requestAnswerSchema.parse(JSON.parse(line))
      if (said.type === 'answer') answer.resolve(said.ok)
      else if (said.type === 'done') whole.resolve()
      else fail(errorOf(said.error))
      hasToldAll ||= said.type !== 'answer'
    },
  })
  ;(child.stdio[3] as Readable).on('error', fail)
  child.on('error', (error) => fail(new BastionError('internal', `the process for a request does not start: ${error.message}`, { cause: error })))
  const closed = new Promise<void>((resolve) => {
    child.once('close', (code, signal) => {
      clearTimeout(killing)
      fail(
        canceled
          ? new BastionError('canceled', 'the request was canceled')
          : new BastionError(
              'interrupted',
              `the process for a request ended early (${code ?? signal ?? 'not started'})${notes === '' ? '' : `: ${notes.trim()}`}`,
            ),
      )
      resolve()
    })
    child.once('error', () => resolve())
  })
  // It is closed when nobody wants the answer any more, also by the end of this process.
  child.stdin.on('error', () => {})
  child.stdin.write(`${JSON.stringify(task)}\n`)

  function cancel(): void {
    canceled = true
    child.kill('SIGTERM')
    killing ??= setTimeout(() => child.kill('SIGKILL'), killAfterMs)
  }

  return {
    answer: answer.promise,
    body: {
      async *[Symbol.asyncIterator]() {
        let isRead = false
        try {
          for await (const chunk of child.stdout as AsyncIterable<Uint8Array>) yield chunk
          isRead = true
        } finally {
          if (!isRead) cancel()
        }
        await whole.promise
      },
    },
    cancel,
    async [Symbol.asyncDispose]() {
      child.stdin.end()
      child.stdout.resume()
      // What has told all ends by itself.
      if (!hasToldAll) cancel()
      await closed
      clearTimeout(killing)
    },
  }
}

function errorOf({ code, message, hint }: Failure): BastionError {
  return new BastionError(code, message, { hint })
}
