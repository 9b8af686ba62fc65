import { availableParallelism } from 'node:os'
import { createThreadPool, type ThreadPool, threadModule } from '../../lib/thread-pool.ts'
import { reviveError } from '../thread-errors.ts'
import type { PackAnswer, PackTask, PackThreadData } from './pack-protocol.ts'

/** Threads beyond this wait for the one that orders and writes. */
const maxThreads = 8

export function createPackPool(workerData: PackThreadData): ThreadPool<PackTask, PackAnswer> {
  return createThreadPool({
    module: threadModule(import.meta.url, './pack-worker'),
    size: Math.min(maxThreads, availableParallelism()),
    workerData,
    revive: reviveError,
  })
}
