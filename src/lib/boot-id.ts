import { readFileSync } from 'node:fs'

/** Of this start of the machine (proc_sys_kernel(5)); `unknown` where nobody tells. */
export function bootId(): string {
  try {
    return readFileSync('/proc/sys/kernel/random/boot_id', 'latin1').trim()
  } catch {
    return 'unknown'
  }
}
