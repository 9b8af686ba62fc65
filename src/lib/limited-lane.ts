/** At most `atOnce` of the given tasks run at a time; at most `waiting` more wait for their turn. */
export interface LimitedLane {
  /** @returns what `task` returns; null at once when too many wait already */
  run<Result>(task: () => Promise<Result>): Promise<Result> | null
}

export function createLimitedLane({ atOnce, waiting }: { atOnce: number; waiting: number }): LimitedLane {
  let running = 0
  const queue: (() => void)[] = []

  async function started<Result>(task: () => Promise<Result>): Promise<Result> {
    try {
      return await task()
    } finally {
      const next = queue.shift()
      if (next === undefined) running -= 1
      else next()
    }
  }

  return {
    run(task) {
      if (running < atOnce) {
        running += 1
        return started(task)
      }
      if (queue.length >= waiting) return null
      return new Promise<void>((resolve) => queue.push(resolve)).then(() => started(task))
    },
  }
}
