import type { Clock } from '../../core/clock.ts'
import type { Sleep } from './sleep.ts'

export interface TokenBucket {
  readonly bytesPerSecond: number
  /** Resolves when `bytes` may pass. Takers are served in the order they came; what an aborted one had taken is lost to the others. */
  take(bytes: number, signal?: AbortSignal): Promise<void>
}

/**
 * A limit on bytes a second. After a pause up to `burstBytes` pass at once.
 * @param options.burstBytes a tenth of a second's bytes where not given
 */
export function createTokenBucket(options: { bytesPerSecond: number; burstBytes?: number; clock: Clock; sleep: Sleep }): TokenBucket {
  const { bytesPerSecond, clock, sleep, burstBytes = bytesPerSecond / 10 } = options
  const msPerByte = 1000 / bytesPerSecond
  /** When all that was taken will have passed at the steady rate. */
  let dueMs = Number.NEGATIVE_INFINITY
  let lastMs = Number.NEGATIVE_INFINITY

  function now(): number {
    const nowMs = clock.now()
    // A clock set back takes what is due along, else everybody would wait for as long as it was set back.
    if (nowMs < lastMs) dueMs -= lastMs - nowMs
    lastMs = nowMs
    return nowMs
  }

  return {
    bytesPerSecond,
    async take(bytes, signal) {
      const nowMs = now()
      dueMs = Math.max(dueMs, nowMs - burstBytes * msPerByte) + bytes * msPerByte
      if (dueMs <= nowMs) return
      await sleep(dueMs - nowMs, signal)
      now()
    },
  }
}
