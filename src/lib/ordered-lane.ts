/**
 * Work that is begun in one order, runs side by side and is finished in the order it was begun. At most `limit` pieces are under way.
 * The first failure ends the lane: later pushes and `drain` reject with it.
 */
export interface OrderedLane {
  /** Waits for room, begins the work, returns. `finish` runs when everything before it is finished. */
  push<T>(begin: () => Promise<T>, finish: (result: T) => Promise<void> | void): Promise<void>
  /** Resolves when all that was pushed is finished. */
  drain(): Promise<void>
  /** Gives up what is not finished. Resolves when nothing is under way any more. */
  close(): Promise<void>
}

export function createOrderedLane(limit: number): OrderedLane {
  let tail: Promise<void> = Promise.resolve()
  let underWay = 0
  let failure: { error: unknown } | null = null
  let wake: (() => void) | null = null
  const working = new Set<Promise<unknown>>()

  return {
    async push(begin, finish) {
      while (underWay >= limit && failure === null) await new Promise<void>((resolve) => (wake = resolve))
      if (failure !== null) throw failure.error
      underWay += 1
      const work = begin()
      working.add(work)
      // Told through `tail`; the earlier work's failure may come first.
      void work.catch(() => {}).then(() => working.delete(work))
      tail = tail
        .then(async () => {
          if (failure === null) await finish(await work)
        })
        .catch((error: unknown) => {
          failure ??= { error }
        })
        .then(() => {
          underWay -= 1
          wake?.()
          wake = null
        })
    },
    async drain() {
      await tail
      if (failure !== null) throw failure.error
    },
    async close() {
      failure ??= { error: new Error('the lane was closed') }
      await tail
      await Promise.allSettled(working)
    },
  }
}
