import { setFlagsFromString } from 'node:v8'
import koffi from 'koffi'

/** mallopt(3) */
const mmapThreshold = -3
const arenaMax = -8
const thresholdBytes = 64 * 1024

/**
 * Has this process give memory back that it does not use. Buffers of many sizes that come and go, as on their way to a server, otherwise stay in the C library's arenas: it takes them
 * for something that will be needed again, and up to half of a process was that. Costs page faults. To be called before threads are started; does nothing where the C library is another.
 */
export function useThriftyMalloc(): void {
  // The heap of JavaScript follows what is used of it more closely, for the same reason.
  setFlagsFromString('--heap-growing-percent=20')
  if (process.platform !== 'linux') return
  try {
    const mallopt = koffi.load('libc.so.6').func('int mallopt(int parameter, int value)') as (parameter: number, value: number) => number
    mallopt(arenaMax, 2)
    mallopt(mmapThreshold, thresholdBytes)
  } catch {
    // Another C library has no such arenas.
  }
}
