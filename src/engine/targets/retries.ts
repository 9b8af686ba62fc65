import type { Clock } from '../../core/clock.ts'
import { BastionError } from '../../core/errors.ts'
import { throwIfCanceled } from './cancellation.ts'
import type { Sleep } from './sleep.ts'

export interface RetryPolicy {
  /** tries of one request, the first included, without progress between them */
  attempts: number
  /** Before the second try; doubled before each further one. Half of it is jitter. */
  firstDelayMs: number
  maxDelayMs: number
  /** No new try begins after so long since the first. */
  giveUpAfterMs: number
}

export const defaultRetryPolicy: RetryPolicy = { attempts: 6, firstDelayMs: 500, maxDelayMs: 30_000, giveUpAfterMs: 10 * 60_000 }

export interface RetryingOptions {
  policy?: RetryPolicy
  clock: Clock
  sleep: Sleep
  /** 0 ≤ x < 1 */
  random: () => number
  onRetry?: (retry: { doing: string; attempt: number; delayMs: number; error: BastionError }) => void
}

export interface Tries {
  /** Resolves when to try again; @throws the error when it is not to be. */
  failed(error: unknown): Promise<void>
  progressed(): void
}

/** Tries again what failed with a retryable error; an error's `details.retry_after_ms` is the least it waits. */
export interface Retries {
  start(doing: string, signal: AbortSignal | undefined): Tries
  run<T>(doing: string, signal: AbortSignal | undefined, work: (isRetry: boolean) => Promise<T>): Promise<T>
}

export function createRetries(options: RetryingOptions): Retries {
  const { policy = defaultRetryPolicy, clock, sleep, random, onRetry } = options

  function start(doing: string, signal: AbortSignal | undefined): Tries {
    let attempt = 1
    let startedMs = clock.now()
    return {
      async failed(error) {
        throwIfCanceled(signal)
        if (!(error instanceof BastionError) || !error.retryable || attempt >= policy.attempts) throw error
        const delayMs = delayBefore(attempt, error)
        if (clock.now() + delayMs - startedMs > policy.giveUpAfterMs) throw error
        attempt++
        onRetry?.({ doing, attempt, delayMs, error })
        await sleep(delayMs, signal)
        throwIfCanceled(signal)
      },
      progressed() {
        attempt = 1
        startedMs = clock.now()
      },
    }
  }

  function delayBefore(attempt: number, error: BastionError): number {
    const fullMs = Math.min(policy.maxDelayMs, policy.firstDelayMs * 2 ** (attempt - 1))
    const delayMs = fullMs / 2 + (random() * fullMs) / 2
    const askedMs = error.details['retry_after_ms']
    return typeof askedMs === 'number' ? Math.max(delayMs, askedMs) : delayMs
  }

  return {
    start,
    async run(doing, signal, work) {
      const tries = start(doing, signal)
      for (let isRetry = false; ; isRetry = true) {
        try {
          return await work(isRetry)
        } catch (error) {
          await tries.failed(error)
        }
      }
    },
  }
}
