import { type ChildProcess, fork } from 'node:child_process'
import { threadModule } from '../../../lib/thread-pool.ts'
import type { Captured, CaptureOrder, DatabaseCheck, Refused, WorkerReply, WorkerTask } from './capture-messages.ts'

/** The process that reads databases for us; it is started when there is one. */
export interface CaptureProcess extends AsyncDisposable {
  capture(order: CaptureOrder, onProgress: (doneBytes: number, totalBytes: number) => void): Promise<Captured | Refused>
  /** Of a copy that is ours. */
  check(copy: string): Promise<DatabaseCheck>
}

/** The process ended before its answer: killed, or by what it read. */
export class CaptureEndedError extends Error {}

type Answer = Exclude<WorkerReply, { doneBytes: number }>

/** Orders are carried out one after the other. Closing kills the process at once: it only reads, and its locks are gone with it. */
export function createCaptureProcess(): CaptureProcess {
  let child: ChildProcess | null = null
  let nextId = 0
  let isClosed = false
  const waiting = new Map<
    number,
    { onProgress?: (doneBytes: number, totalBytes: number) => void; resolve(reply: Answer): void; reject(error: Error): void }
  >()

  function start(): ChildProcess {
    const started = fork(threadModule(import.meta.url, './capture-worker'), {
      cwd: '/',
      env: { LC_ALL: 'C' },
      execArgv: ['--no-warnings'],
      stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
    })
    let notes = ''
    started.stderr!.on('data', (chunk: Buffer) => (notes = `${notes}${chunk.toString('utf8')}`.slice(-4096)))
    started.on('message', (reply: WorkerReply) => {
      const one = waiting.get(reply.id)
      if ('doneBytes' in reply) return one?.onProgress?.(reply.doneBytes, reply.totalBytes)
      waiting.delete(reply.id)
      one?.resolve(reply)
    })
    const end = (why: string) => {
      if (child === started) child = null
      for (const one of waiting.values())
        one.reject(new CaptureEndedError(`the process that reads databases ended: ${why}${notes === '' ? '' : `: ${notes.trim()}`}`))
      waiting.clear()
    }
    started.once('error', (error) => end(error.message))
    started.once('close', (code, signal) => end(String(code ?? signal)))
    return started
  }

  function ask(task: WorkerTask, onProgress?: (doneBytes: number, totalBytes: number) => void): Promise<Answer> {
    if (isClosed) return Promise.reject(new Error('the process that reads databases was closed'))
    const asked = Promise.withResolvers<Answer>()
    waiting.set(task.id, { ...asked, ...(onProgress && { onProgress }) })
    child ??= start()
    child.send(task)
    return asked.promise
  }

  return {
    async capture(capture, onProgress) {
      const reply = await ask({ id: nextId++, capture }, onProgress)
      if ('captured' in reply) return reply.captured
      throw new Error('failed' in reply ? reply.failed : 'a capture was answered with a check')
    },
    async check(check) {
      const reply = await ask({ id: nextId++, check })
      if ('checked' in reply) return reply.checked
      throw new Error('failed' in reply ? reply.failed : 'a check was answered with a capture')
    },
    async [Symbol.asyncDispose]() {
      isClosed = true
      if (child === null) return
      const closed = new Promise((resolve) => child!.once('close', resolve))
      child.kill('SIGKILL')
      await closed
    },
  }
}
