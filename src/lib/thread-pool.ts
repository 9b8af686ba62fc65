import { setTimeout as after } from 'node:timers/promises'
import { Worker, type Transferable } from 'node:worker_threads'

/**
 * Worker threads that answer one message with one message. Answers come to the caller that asked, in whatever order they are ready.
 * Closing gives up what is waiting and lets each thread come to the end of its task. It may be closed twice.
 */
export interface ThreadPool<Task, Answer> extends AsyncDisposable {
  readonly size: number
  /** @throws the error the thread threw, or `Error` when the thread died */
  run(task: Task, transfer?: Transferable[]): Promise<Answer>
}

/** What a thread posts back. `error` is the thrown value, cloned; the pool's `revive` turns it into an error again. */
export type ThreadReply<Answer> = { id: number; answer: Answer } | { id: number; error: unknown }

/** What a thread posts once, when its modules are loaded. */
export const threadIsReady = 'ready'
/** What it is asked to end by. */
export const threadShallEnd = 'end'

/** A task that takes longer is cut off where it is. */
const patienceMs = 1000
/** And so much longer until it is left alone in native code, where it is abandoned. */
const nativePatienceMs = 100

interface Thread {
  worker: Worker
  ready: Promise<unknown>
  ended: Promise<unknown>
  waiting: Map<number, { resolve(answer: unknown): void; reject(error: unknown): void }>
  dead: Error | null
}

/** The module `path` (relative, without its ending), compiled as the caller is or not: worker threads are started by file. */
export function threadModule(importMetaUrl: string, path: string): URL {
  return new URL(`${path}${importMetaUrl.endsWith('.ts') ? '.ts' : '.js'}`, importMetaUrl)
}

/**
 * @param options.module the thread's module; it answers each `{id, task}` with a {@link ThreadReply}
 * @param options.revive makes an error of what a thread threw · `abandons`: a task only computes, so that closing waits no longer than its patience for a thread that
 *   is in native code and cannot be cut off there
 * @param options.youngMebibytes how large its young generation may grow: with less it collects more often
 */
export function createThreadPool<Task, Answer>(options: {
  module: URL
  size: number
  workerData?: unknown
  revive?: (error: unknown) => unknown
  abandons?: boolean
  youngMebibytes?: number
}): ThreadPool<Task, Answer> {
  const revive = options.revive ?? ((error) => error)
  let nextId = 0
  let closing = false

  function startThread(): Thread {
    const worker = new Worker(options.module, {
      workerData: options.workerData,
      resourceLimits: { maxOldGenerationSizeMb: 256, maxYoungGenerationSizeMb: options.youngMebibytes ?? 24 },
    })
    const ended = new Promise((resolve) => worker.once('exit', resolve))
    const ready = Promise.race([ended, new Promise((resolve) => worker.once('message', resolve))])
    const thread: Thread = { worker, ready, ended, waiting: new Map(), dead: null }
    const die = (error: Error) => {
      thread.dead ??= error
      for (const one of thread.waiting.values()) one.reject(error)
      thread.waiting.clear()
    }
    worker.on('message', (reply: ThreadReply<unknown> | typeof threadIsReady) => {
      if (reply === threadIsReady) return
      const one = thread.waiting.get(reply.id)
      thread.waiting.delete(reply.id)
      if ('error' in reply) one?.reject(revive(reply.error))
      else one?.resolve(reply.answer)
    })
    worker.on('error', (error) => die(error instanceof Error ? error : new Error(String(error))))
    worker.on('exit', (code) => {
      if (!closing) die(new Error(`a worker thread ended with code ${code}`))
    })
    worker.unref()
    return thread
  }

  const threads = Array.from({ length: options.size }, startThread)

  return {
    size: options.size,
    run(task, transfer) {
      if (closing) return Promise.reject(new Error('the thread pool was closed'))
      const thread = threads.reduce((a, b) => (b.waiting.size < a.waiting.size ? b : a))
      if (thread.dead !== null) return Promise.reject(thread.dead)
      const id = nextId++
      return new Promise<Answer>((resolve, reject) => {
        thread.waiting.set(id, { resolve, reject })
        // A pool with work under way keeps the process alive; an idle one does not.
        thread.worker.ref()
        thread.worker.postMessage({ id, task }, transfer)
      }).finally(() => {
        // While it is being closed the process waits for its end.
        if (thread.waiting.size === 0 && !closing) thread.worker.unref()
      })
    },
    async [Symbol.asyncDispose]() {
      closing = true
      await Promise.all(
        threads.map(async (thread) => {
          for (const one of thread.waiting.values()) one.reject(new Error('the thread pool was closed'))
          thread.waiting.clear()
          thread.worker.ref()
          thread.worker.postMessage(threadShallEnd)
          // Terminated while it loads a native module, a thread takes the whole process with it.
          await thread.ready
          await Promise.race([thread.ended, after(patienceMs, undefined, { ref: false })])
          const terminated = thread.worker.terminate()
          if (options.abandons === true) await Promise.race([terminated, after(nativePatienceMs, undefined, { ref: false })])
          else await terminated
        }),
      )
    },
  }
}
