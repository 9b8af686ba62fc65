import { readdirSync, writeFileSync } from 'node:fs'
import { setPriority } from 'node:os'

/** of nice(1): a tenth of the weight of a process that asks for nothing */
const niceness = 10

/**
 * From now on this process takes what others leave of the processors, and on Linux of the disks (ioprio_set(2): the class best-effort takes its level from the niceness).
 * Threads that it starts later follow.
 */
export function workInBackground(): void {
  if (process.platform !== 'linux') return setPriority(niceness)
  // The niceness is a thread's own (setpriority(2), "C library/kernel differences"), and several are there already.
  for (const thread of readdirSync('/proc/self/task')) setPriority(Number(thread), niceness)
  try {
    // Between sessions, of which a detached process has one of its own, the kernel may look at this one alone (sched(7), autogroups).
    writeFileSync('/proc/self/autogroup', String(niceness))
  } catch {
    // A kernel without them.
  }
}
