import type { Progress } from '../core/run-event.ts'
import type { CliContext } from './cli-context.ts'

/** One line on a terminal that is written over as things go on; nothing where there is no terminal. */
export interface ProgressLine extends Disposable {
  show(progress: Progress): void
}

export function createProgressLine(context: CliContext): ProgressLine {
  let shown = false
  return {
    show(progress) {
      const columns = context.terminalColumns()
      if (columns === null) return
      shown = true
      context.note(`\r\x1b[K${describe(progress).slice(0, Math.max(0, columns - 1))}`)
    },
    [Symbol.dispose]() {
      if (shown) context.note('\r\x1b[K')
    },
  }
}

function describe({ stage, done, total, rate_bps, eta_s, stored_bytes }: Progress): string {
  const share = total === undefined || total.bytes === 0 ? '' : ` ${Math.min(100, Math.floor((done.bytes / total.bytes) * 100))} %`
  const stored = stored_bytes === 0 ? '' : `, ${formatBytes(stored_bytes)} stored`
  const left = eta_s === null ? '' : `, ${formatDuration(eta_s * 1000)} left`
  return `${stage}${share}: ${done.files} files, ${formatBytes(done.bytes)}, ${formatBytes(rate_bps)}/s${stored}${left}`
}

export function formatBytes(bytes: number): string {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB']
  let value = bytes
  let unit = 0
  while (value >= 1024 && unit < units.length - 1) {
    value /= 1024
    unit += 1
  }
  return `${unit === 0 ? value : value.toFixed(value < 10 ? 2 : 1)} ${units[unit] ?? ''}`
}

export function formatDuration(ms: number): string {
  const seconds = Math.round(ms / 1000)
  if (ms < 10_000) return `${(ms / 1000).toFixed(1)} s`
  if (seconds < 120) return `${seconds} s`
  return seconds < 7200 ? `${Math.round(seconds / 60)} min` : `${Math.round(seconds / 3600)} h`
}
