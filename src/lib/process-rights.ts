import { readFileSync } from 'node:fs'

const capSysAdmin = 21n

/**
 * Whether this process may administer filesystems (CAP_SYS_ADMIN, capabilities(7)) outside of a user namespace: in one the bit says nothing about the disks of the
 * machine. Where there is no /proc: whether it is root.
 */
export function canAdminister(): boolean {
  try {
    const effective = /^CapEff:\s*([0-9a-f]+)$/m.exec(readFileSync('/proc/self/status', 'latin1'))?.[1]
    const isInitial = /^\s*0\s+0\s+4294967295\s*$/.test(readFileSync('/proc/self/uid_map', 'latin1'))
    return effective !== undefined && isInitial && ((BigInt(`0x${effective}`) >> capSysAdmin) & 1n) === 1n
  } catch {
    return process.getuid?.() === 0
  }
}
