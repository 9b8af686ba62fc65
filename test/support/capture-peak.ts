import { readdirSync, readFileSync } from 'node:fs'

/** Watches what a process and its children hold resident while it runs. @returns the most that was seen of the children that read databases, in bytes */
export async function capturePeak(pid: number, ended: Promise<unknown>): Promise<number> {
  let isRunning = true
  void ended.finally(() => (isRunning = false))
  let peak = 0
  while (isRunning) {
    for (const child of childrenOf(pid)) {
      const { command, peakBytes } = lookAt(child)
      if (command.includes('capture-worker')) peak = Math.max(peak, peakBytes)
    }
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
  return peak
}

function childrenOf(pid: number): string[] {
  try {
    return readdirSync(`/proc/${pid}/task`).flatMap((task) => readFileSync(`/proc/${pid}/task/${task}/children`, 'latin1').split(' ').filter(Boolean))
  } catch {
    return []
  }
}

function lookAt(pid: string): { command: string; peakBytes: number } {
  try {
    const peak = /^VmHWM:\s*(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'latin1'))
    return { command: readFileSync(`/proc/${pid}/cmdline`, 'latin1'), peakBytes: Number(peak?.[1] ?? 0) * 1024 }
  } catch {
    return { command: '', peakBytes: 0 } // it has ended
  }
}
