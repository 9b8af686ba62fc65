/** Waits before a file that changed is read again, in milliseconds. */
const retryWaitsMs = [1, 6, 30, 160, 1000]
/** All waits of one thread in one run: a tree full of busy files must not make a backup endless. The settle pass comes back to them. */
const waitBudgetMs = 10_000

/** Waits before attempt `attempt` + 1, blocking the thread; false when there is none. */
export function createRetryWaits(): (attempt: number) => boolean {
  const sleeper = new Int32Array(new SharedArrayBuffer(4))
  let waitedMs = 0
  return (attempt) => {
    const waitMs = retryWaitsMs[attempt]
    if (waitMs === undefined || waitedMs + waitMs > waitBudgetMs) return false
    waitedMs += waitMs
    Atomics.wait(sleeper, 0, 0, waitMs)
    return true
  }
}
