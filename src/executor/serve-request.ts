import { Socket } from 'node:net'
import type { Readable } from 'node:stream'
import { BastionError } from '../core/errors.ts'
import { failureOf } from '../core/run.ts'
import { readLines } from '../lib/json-lines.ts'
import { type RequestAnswer, type RequestTask, requestTaskSchema } from '../protocol/runner-messages.ts'
import { answerRequest } from './answer-request.ts'
import type { AnswerContext } from './request-work.ts'

/** A task names a target, a path and a few secrets. */
const maxTaskBytes = 1024 * 1024
const answersFd = 3

/**
 * Answers the one request that stands on `input`, as `requestAnswerSchema` says, and returns when all of it is told. Gives up when `input` ends: then nobody waits for it
 * any more.
 */
export async function serveRequest(input: Readable, context: Omit<AnswerContext, 'answer'>): Promise<void> {
  const gone = new AbortController()
  const signal = AbortSignal.any([context.signal, gone.signal])
  const answers = new Socket({ fd: answersFd, readable: false, writable: true })
  // Nobody is left to tell.
  answers.on('error', () => {})
  const tell = (answer: RequestAnswer) => answers.write(`${JSON.stringify(answer)}\n`)
  try {
    const task = await readTask(input)
    input.on('end', () => gone.abort(new BastionError('canceled', 'nobody waits for the answer any more')))
    await answerRequest(task, { ...context, signal, answer: (ok) => tell({ type: 'answer', ok }) })
    tell({ type: 'done' })
  } catch (error) {
    if (!(error instanceof BastionError)) context.note(error instanceof Error ? (error.stack ?? error.message) : String(error))
    tell({ type: 'failed', error: failureOf(error) })
  } finally {
    input.removeAllListeners('end')
    input.destroy()
    await new Promise<void>((resolve) => answers.end(resolve))
  }
}

function readTask(input: Readable): Promise<RequestTask> {
  return new Promise((resolve, reject) => {
    readLines(input, { maxLineBytes: maxTaskBytes, onLine: (line) => resolve(requestTaskSchema.parse(JSON.parse(line))) })
    input.once('error', reject)
    input.once('end', () => reject(new BastionError('invalid_spec', 'there is no request on stdin')))
  })
}
