import { runInNewContext } from 'node:vm'
import { getHeapSpaceStatistics, getHeapStatistics, setFlagsFromString } from 'node:v8'

/** Of a program's life: what V8 compiled beforehand is good for threads only as long as its flags are what they were, and compiling it again takes each of them 20 ms. */
const firstLookMs = 400
const lookEveryMs = 20
/**
 * How much a heap grows, of what is alive in it, before it is collected again. While it is small: V8 counts buffers on their way as growth, and by the limit it sets itself, which is close to what a
 * program that makes few objects has, it would collect after every few frames.
 */
const easyGrowthPercent = 400
const slowGrowthPercent = 50
const limitedGrowthPercent = 30

/** Of this process: V8 has one heap for it, and its flags are everybody's. */
const chosen = { youngBytes: Infinity, easyBytes: Infinity, growthPercent: easyGrowthPercent, isKept: false }

/**
 * Keeps the heap from taking memory only because there is some. V8 takes its limits from the command line; by how much it grows can be set at any time, so each is set when it is reached:
 * the young generation stays at about `youngBytes`, where it would go to 128 MiB in a program that makes millions of small objects, and a heap of more than `easyBytes` is collected when it
 * has grown by a third. Below that it is collected when it has grown fivefold, for that is faster. Said again before they are reached, other limits take their place.
 */
export function limitHeapGrowth({ youngBytes, easyBytes }: { youngBytes: number; easyBytes: number }): void {
  Object.assign(chosen, { youngBytes, easyBytes })
  if (chosen.isKept) return
  chosen.isKept = true
  setTimeout(keepLimits, firstLookMs).unref()
}

/** For a process whose buffers are many and not of its own making, as on their way through a client to a server: the heap that holds on to them stays close to what is alive. Called early. */
export function growHeapSlowly(): void {
  chosen.growthPercent = slowGrowthPercent
}

function keepLimits(): void {
  setFlagsFromString(`--heap-growing-percent=${chosen.growthPercent}`)
  const limits = [
    { isReached: () => youngGenerationBytes() >= chosen.youngBytes, flag: '--semi-space-growth-factor=1' },
    { isReached: () => getHeapStatistics().total_heap_size >= chosen.easyBytes, flag: `--heap-growing-percent=${limitedGrowthPercent}` },
  ]
  const look = () => {
    for (const reached of limits.filter(({ isReached }) => isReached())) {
      setFlagsFromString(reached.flag)
      limits.splice(limits.indexOf(reached), 1)
      collect()
    }
    if (limits.length > 0) setTimeout(look, lookEveryMs).unref()
  }
  look()
}

/** When to collect next is decided at the end of a collection. */
function collect(): void {
  setFlagsFromString('--expose-gc')
  ;(runInNewContext('gc') as () => void)()
}

function youngGenerationBytes(): number {
  return getHeapSpaceStatistics().find(({ space_name }) => space_name === 'new_space')?.space_size ?? 0
}
