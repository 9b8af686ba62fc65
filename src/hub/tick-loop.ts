import type { Clock } from '../core/clock.ts'
import type { HubLog } from './hub-log.ts'

/** Does something again and again: when it is next due, and at the latest after a while, for clocks jump and machines sleep. */
export interface TickLoop extends AsyncDisposable {
  /** Now, or as soon as what is under way has ended. */
  wake(): void
}

interface TickOptions {
  /** @returns when it is due again, by the clock */
  tick(): Promise<number | null>
  longestMs: number
  clock: Clock
  log: HubLog
}

/** Two ticks are at least this far apart, so that what stays due does not keep the process busy. */
const shortestMs = 1000

export function startTickLoop({ tick, longestMs, clock, log }: TickOptions): TickLoop {
  let isClosed = false
  let isWanted = false
  let endSleep = () => {}

  async function loop(): Promise<void> {
    while (!isClosed) {
      isWanted = false
      let next: number | null = null
      try {
        next = await tick()
      } catch (error) {
        log.error({ err: error }, 'a tick failed')
      }
      if (isClosed || isWanted) continue
      const delayMs = Math.min(longestMs, Math.max(shortestMs, next === null ? longestMs : next - clock.now()))
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, delayMs)
        endSleep = () => {
          clearTimeout(timer)
          resolve()
        }
      })
    }
  }

  const done = loop()
  return {
    wake() {
      isWanted = true
      endSleep()
    },
    async [Symbol.asyncDispose]() {
      isClosed = true
      endSleep()
      await done
    },
  }
}
