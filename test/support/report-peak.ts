import { readFileSync, writeFileSync } from 'node:fs'
import { isMainThread } from 'node:worker_threads'

/** Names the file that gets the peak, in bytes. */
export const peakFileVariable = 'BASTION_TEST_PEAK_FILE'

const file = process.env[peakFileVariable]

// With `node --import` of this module a program says at its end how much memory it took at most; without the variable nothing happens.
if (file !== undefined && isMainThread) process.on('exit', () => writeFileSync(file, String(peakBytes())))

/** VmHWM, proc_pid_status(5): the peak of the resident set of the process with all its threads. */
function peakBytes(): number {
  const line = /^VmHWM:\s*(\d+) kB$/m.exec(readFileSync('/proc/self/status', 'utf8'))
  return Number(line?.[1]) * 1024
}
