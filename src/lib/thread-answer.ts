import { parentPort, type Transferable } from 'node:worker_threads'
import { threadIsReady, threadShallEnd, type ThreadReply } from './thread-pool.ts'

/** The thread's side of a {@link createThreadPool}: answers each task with what `handle` returns, moving the listed buffers instead of copying them. */
export function answerTasks<Task, Answer>(
  handle: (task: Task) => { answer: Answer; transfer?: Transferable[] },
  pack: (error: unknown) => unknown,
): void {
  const port = parentPort
  if (port === null) throw new Error('this module runs in a worker thread')
  port.on('message', (message: { id: number; task: Task } | typeof threadShallEnd) => {
    if (message === threadShallEnd) return port.close()
    const { id, task } = message
    let reply: ThreadReply<Answer>
    let transfer: Transferable[] | undefined
    try {
      const done = handle(task)
      reply = { id, answer: done.answer }
      transfer = done.transfer
    } catch (error) {
      reply = { id, error: pack(error) }
    }
    port.postMessage(reply, transfer)
  })
  port.postMessage(threadIsReady)
}
