import { workerData } from 'node:worker_threads'
import { pbkdf2Sync } from 'node:crypto'
import { answerTasks } from '../../src/lib/thread-answer.ts'

/** A thread whose tasks are one long call of native code, which nothing cuts off: [begun, ended]. */
const { counts } = workerData as { counts: Int32Array }

answerTasks<number, number>(
  (rounds) => {
    Atomics.add(counts, 0, 1)
    Atomics.notify(counts, 0)
    pbkdf2Sync('password', 'salt', rounds, 64, 'sha512')
    Atomics.store(counts, 1, 1)
    return { answer: rounds }
  },
  (error) => ({ message: (error as Error).message }),
)
