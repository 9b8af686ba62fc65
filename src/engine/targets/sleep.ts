import { setTimeout as delay } from 'node:timers/promises'
import { cancellationOf } from './cancellation.ts'

/** Resolves after `delayMs`; rejects with the cancellation when `signal` aborts. Handed in, so that tests need not wait. */
export type Sleep = (delayMs: number, signal?: AbortSignal) => Promise<void>

export const sleep: Sleep = async (delayMs, signal) => {
  try {
    await delay(delayMs, undefined, signal && { signal })
  } catch (error) {
    throw signal?.aborted === true ? cancellationOf(signal) : error
  }
}
