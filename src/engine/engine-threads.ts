import { availableParallelism } from 'node:os'
import { setFlagsFromString } from 'node:v8'
import { createThreadPool, type ThreadPool } from '../lib/thread-pool.ts'
import { reviveError } from './thread-errors.ts'

/** Threads beyond this wait for the one that reads the target or writes to it in order. */
const maxThreads = 8

/**
 * What a thread's young objects have at first, in MiB: with V8's own 1 MiB it collects every few hundred files and finds what the frame is made of alive each time. Heaps that are there keep
 * theirs, and what V8 compiled beforehand stays good, which is so with few of its flags.
 */
const youngMebibytes = 4

/** Threads for the heavy work of a run, one for each core. @param module answers tasks with `answerTasks` and `packError` */
export function createEngineThreads<Task, Answer>(module: URL, workerData: unknown, options: { abandons?: boolean } = {}): ThreadPool<Task, Answer> {
  setFlagsFromString(`--min-semi-space-size=${youngMebibytes}`)
  return createThreadPool({ module, size: Math.min(maxThreads, availableParallelism()), workerData, revive: reviveError, ...options })
}
