import { availableParallelism } from 'node:os'
import { createThreadPool, type ThreadPool } from '../lib/thread-pool.ts'
import { reviveError } from './thread-errors.ts'

/** Threads beyond this wait for the one that reads the target or writes to it in order. */
const maxThreads = 8

/** Threads for the heavy work of a run, one for each core. @param module answers tasks with `answerTasks` and `packError` */
export function createEngineThreads<Task, Answer>(module: URL, workerData: unknown, options: { abandons?: boolean } = {}): ThreadPool<Task, Answer> {
  return createThreadPool({ module, size: Math.min(maxThreads, availableParallelism()), workerData, revive: reviveError, ...options })
}
