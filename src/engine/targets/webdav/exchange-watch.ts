import { BastionError } from '../../../core/errors.ts'
import { cancellationOf } from '../cancellation.ts'

/** A connection slower than this counts as stalled. */
const slowestBytesPerSecond = 128 * 1024

/** Ends one request when its caller does, or when the server is silent for too long. The time we take ourselves is not counted. */
export interface ExchangeWatch {
  /** Its reason is what to throw. */
  readonly signal: AbortSignal
  /** From now on the server is to do something: take, keep or send so many bytes. The more they are the longer it may take. */
  serverTurn(sizeBytes?: number): void
  ourTurn(): void
  end(): void
}

export function watchExchange(options: { doing: string; timeoutMs: number; signal: AbortSignal | undefined }): ExchangeWatch {
  const { doing, timeoutMs, signal } = options
  const ending = new AbortController()
  let timer: NodeJS.Timeout | undefined
  const cancel = () => ending.abort(cancellationOf(signal!))
  if (signal?.aborted === true) cancel()
  else signal?.addEventListener('abort', cancel, { once: true })

  return {
    signal: ending.signal,
    serverTurn(sizeBytes = 0) {
      clearTimeout(timer)
      const patienceMs = timeoutMs + Math.ceil((sizeBytes / slowestBytesPerSecond) * 1000)
      timer = setTimeout(() => {
        const message = `${doing}: the server was silent for ${Math.round(patienceMs / 1000)} s.`
        ending.abort(new BastionError('target_timeout', message))
      }, patienceMs)
    },
    ourTurn: () => clearTimeout(timer),
    end() {
      clearTimeout(timer)
      signal?.removeEventListener('abort', cancel)
    },
  }
}
