import type { Clock } from '../core/clock.ts'
import { BastionError } from '../core/errors.ts'
import type { Progress } from '../core/run-event.ts'
import type { SourceItem } from './sources/source.ts'

/** Counts what is done and tells it, at most once a second. */
export interface ProgressMeter {
  /** Counts everything there is to do. @throws canceled */
  count(items: Iterable<SourceItem>, signal: AbortSignal): Promise<void>
  done(kind: string, bytes: number, storedBytes: number): void
  /** While a large database is copied. */
  capturing(doneBytes: number, totalBytes: number): void
}

const intervalMs = 1000
const itemsBetweenYields = 2000

export function createProgressMeter(options: { clock: Clock; onProgress: (progress: Progress) => void }): ProgressMeter {
  const { clock, onProgress } = options
  const done = { files: 0, dirs: 0, bytes: 0 }
  let total: Progress['total']
  let startedMs = clock.now()
  let toldMs = 0
  let stored = 0

  function tell(stage: string, storedBytes: number): void {
    const now = clock.now()
    if (now - toldMs < intervalMs) return
    toldMs = now
    const seconds = Math.max(0.001, (now - startedMs) / 1000)
    const rate = done.bytes / seconds
    const left = total === undefined ? null : Math.max(0, total.bytes - done.bytes)
    onProgress({
      stage,
      done: { ...done },
      ...(total === undefined ? {} : { total }),
      rate_bps: Math.round(rate),
      eta_s: left === null || rate === 0 ? null : Math.round(left / rate),
      stored_bytes: storedBytes,
    })
  }

  return {
    async count(items, signal) {
      const counted = { files: 0, dirs: 0, bytes: 0 }
      let seen = 0
      for (const item of items) {
        if ('problem' in item) continue
        if (item.entry.kind === 'dir') counted.dirs += 1
        else counted.files += 1
        counted.bytes += item.entry.sizeBytes
        if (++seen % itemsBetweenYields === 0) {
          tell('scan', 0)
          await new Promise((resolve) => setImmediate(resolve))
          if (signal.aborted) throw new BastionError('canceled', 'the backup was canceled')
        }
      }
      total = counted
      startedMs = clock.now()
    },
    done(kind, bytes, storedBytes) {
      if (kind === 'dir') done.dirs += 1
      else done.files += 1
      done.bytes += bytes
      stored = storedBytes
      tell('packaging', storedBytes)
    },
    capturing(doneBytes, totalBytes) {
      // Where it is all there is to do it is what people wait for; else it goes on beside the packing.
      if (done.files > 0) return tell('packaging', stored)
      const now = clock.now()
      if (now - toldMs < intervalMs) return
      toldMs = now
      const rate = doneBytes / Math.max(0.001, (now - startedMs) / 1000)
      onProgress({
        stage: 'capturing',
        done: { ...done, bytes: Math.round(doneBytes) },
        total: { files: 1, dirs: 0, bytes: totalBytes },
        rate_bps: Math.round(rate),
        eta_s: rate === 0 ? null : Math.round((totalBytes - doneBytes) / rate),
        stored_bytes: stored,
      })
    },
  }
}
