import { type ThreadPool, threadModule } from '../../lib/thread-pool.ts'
import { createEngineThreads } from '../engine-threads.ts'
import type { PackAnswer, PackTask, PackThreadData } from './pack-protocol.ts'

export function createPackPool(workerData: PackThreadData): ThreadPool<PackTask, PackAnswer> {
  // A frame at a high level takes seconds to compress, and nobody waits for it when the run is canceled.
  return createEngineThreads(threadModule(import.meta.url, './pack-worker'), workerData, { abandons: true })
}
