import type { Clock } from '../../core/clock.ts'
import type { TargetConfig } from '../../protocol/target-descriptions.ts'
import { openTarget } from './registry.ts'
import { createRetries, type RetryingOptions } from './retries.ts'
import { createRetryingTarget } from './retrying-target.ts'
import { sleep } from './sleep.ts'
import type { Target } from './target.ts'
import { createThrottledTarget } from './throttled-target.ts'
import { createTokenBucket } from './token-bucket.ts'

/**
 * A target as commands and runs work with it: what passes by itself is tried again, and puts keep to a limit.
 * @param options.putBytesPerSecond how fast it is written to at most; absent: no limit · `note` takes sentences for people, which may hold names as they are
 */
export async function openWorkingTarget(
  config: TargetConfig,
  options: { clock: Clock; putBytesPerSecond?: number | undefined; note: (text: string) => void },
): Promise<Target & AsyncDisposable> {
  const { clock, putBytesPerSecond, note } = options
  const retrying: RetryingOptions = {
    clock,
    sleep,
    random: Math.random,
    onRetry: ({ doing, error, delayMs }) => note(`${error.message} Trying to ${doing} again in ${Math.ceil(delayMs / 1000)} s.`),
  }
  const inner = await openTarget(config, { clock, retries: createRetries(retrying), onNotice: note })
  const put = putBytesPerSecond === undefined ? undefined : createTokenBucket({ bytesPerSecond: putBytesPerSecond, clock, sleep })
  const target = createRetryingTarget(put === undefined ? inner : createThrottledTarget(inner, { put }), retrying)
  return Object.assign(target, { [Symbol.asyncDispose]: () => target.close() })
}
