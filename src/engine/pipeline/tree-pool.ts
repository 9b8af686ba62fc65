import { type ThreadPool, threadModule } from '../../lib/thread-pool.ts'
import { createEngineThreads } from '../engine-threads.ts'
import type { TreeAnswer, TreeTask, TreeThreadData } from './tree-protocol.ts'

export function createTreePool(workerData: TreeThreadData): ThreadPool<TreeTask, TreeAnswer> {
  return createEngineThreads(threadModule(import.meta.url, './tree-worker'), workerData)
}
