import { growHeapSlowly } from '../lib/heap-growth.ts'
import { giveFreedMemoryBack, keepFreedMemory } from '../lib/malloc.ts'
import type { Target } from './targets/target.ts'

/** Has this process, which stores to `target`, treat freed memory as what it does asks for (docs/decisions/0014-memory-is-given-back.md). Before its threads are started. */
export function setMemoryFor({ features }: Pick<Target, 'features'>): void {
  if (features.localRoot !== undefined) {
    keepFreedMemory()
  } else {
    giveFreedMemoryBack()
    growHeapSlowly()
  }
}
