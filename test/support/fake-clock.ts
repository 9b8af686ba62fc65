import type { Clock } from '../../src/core/clock.ts'

/** A clock that stands still until it is told otherwise. */
export interface FakeClock extends Clock {
  set(nowMs: number): void
  advance(byMs: number): void
}

export function createFakeClock(startMs: number): FakeClock {
  let nowMs = startMs
  return {
    now: () => nowMs,
    set(toMs) {
      nowMs = toMs
    },
    advance(byMs) {
      nowMs += byMs
    },
  }
}
