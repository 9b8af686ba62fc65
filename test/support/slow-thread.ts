import { workerData } from 'node:worker_threads'
import { answerTasks } from '../../src/lib/thread-answer.ts'

/** A thread that takes its time to load and for each task (its milliseconds), and counts in shared memory: [loaded, tasks begun, tasks ended]. */
const { counts, loadingMs } = workerData as { counts: Int32Array; loadingMs: number }
const sleeper = new Int32Array(new SharedArrayBuffer(4))

Atomics.wait(sleeper, 0, 0, loadingMs)
Atomics.add(counts, 0, 1)

answerTasks<number, number>(
  (task) => {
    Atomics.add(counts, 1, 1)
    Atomics.notify(counts, 1)
    if (task < 0) throw new Error(`a task of ${task} ms`)
    Atomics.wait(sleeper, 0, 0, task)
    Atomics.add(counts, 2, 1)
    return { answer: task }
  },
  (error) => ({ message: (error as Error).message }),
)
