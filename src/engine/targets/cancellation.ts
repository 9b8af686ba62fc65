import { BastionError } from '../../core/errors.ts'

/** What a method rejects with after an abort: the signal's reason where that is a `BastionError`, else `canceled`. */
export function cancellationOf(signal: AbortSignal): BastionError {
  const reason: unknown = signal.reason
  return reason instanceof BastionError ? reason : new BastionError('canceled', 'Canceled.', { cause: reason })
}

export function throwIfCanceled(signal: AbortSignal | undefined): void {
  if (signal?.aborted === true) throw cancellationOf(signal)
}

/** The outcome of `promise`, or the cancellation as soon as `signal` aborts; what `promise` does later is ignored. */
export async function orCanceled<T>(promise: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (signal === undefined) return await promise
  let onAbort: (() => void) | undefined
  const aborted = new Promise<never>((_, reject) => {
    onAbort = () => reject(cancellationOf(signal))
    if (signal.aborted) onAbort()
    else signal.addEventListener('abort', onAbort, { once: true })
  })
  try {
    return await Promise.race([promise, aborted])
  } finally {
    signal.removeEventListener('abort', onAbort!)
  }
}

/** `body`, ended by the cancellation as soon as `signal` aborts, even while `body` stalls. */
export async function* untilCanceled<T>(body: AsyncIterable<T>, signal: AbortSignal | undefined): AsyncGenerator<T, void, undefined> {
  throwIfCanceled(signal)
  const iterator = body[Symbol.asyncIterator]()
  let open = true
  try {
    for (;;) {
      const step = await orCanceled(
        Promise.resolve(iterator.next()).catch((error: unknown) => {
          open = false
          throw error
        }),
        signal,
      )
      if (step.done === true) {
        open = false
        return
      }
      yield step.value
      throwIfCanceled(signal)
    }
  } finally {
    if (open) {
      const returned = Promise.resolve(iterator.return?.())
      // A body that stalls in next() answers return() only when it goes on, perhaps never: it is told, not waited for.
      if (signal?.aborted === true) returned.catch(() => {})
      else await returned
    }
  }
}
