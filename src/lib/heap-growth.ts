import { runInNewContext } from 'node:vm'
import { getHeapSpaceStatistics, getHeapStatistics, setFlagsFromString } from 'node:v8'

/** Of a program's life: what V8 compiled beforehand is good for threads only as long as its flags are what they were, and compiling it again takes each of them 20 ms. */
const firstLookMs = 400
const lookEveryMs = 20
/** of what is alive, before it is collected again */
const growthPercent = 30

/**
 * Keeps the heap from taking memory only because there is some. V8 takes its limits from the command line; by how much it grows can be set at any time, so each is set when it is reached:
 * the young generation stays at about `youngBytes`, where it would go to 128 MiB in a program that makes millions of small objects, and a heap of more than `easyBytes` is collected when it
 * has grown by a third, not when it has grown fourfold. Below that it is collected as seldom as V8 likes, for that is faster.
 */
export function limitHeapGrowth({ youngBytes, easyBytes }: { youngBytes: number; easyBytes: number }): void {
  const limits = [
    { isReached: () => youngGenerationBytes() >= youngBytes, flag: '--semi-space-growth-factor=1' },
    { isReached: () => getHeapStatistics().total_heap_size >= easyBytes, flag: `--heap-growing-percent=${growthPercent}` },
  ]
  const look = () => {
    for (const reached of limits.filter(({ isReached }) => isReached())) {
      setFlagsFromString(reached.flag)
      limits.splice(limits.indexOf(reached), 1)
      collect()
    }
    if (limits.length > 0) setTimeout(look, lookEveryMs).unref()
  }
  setTimeout(look, firstLookMs).unref()
}

/** When to collect next is decided at the end of a collection. */
function collect(): void {
  setFlagsFromString('--expose-gc')
  ;(runInNewContext('gc') as () => void)()
}

function youngGenerationBytes(): number {
  return getHeapSpaceStatistics().find(({ space_name }) => space_name === 'new_space')?.space_size ?? 0
}
