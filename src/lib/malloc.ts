import koffi from 'koffi'

/** What of mallopt(3) is set: its parameters, in bytes but for the first. */
const parameters = { arenaMax: -8, mmapThreshold: -3, trimThreshold: -1 } as const

/**
 * Has this process keep memory that is freed, to a limit, for what comes next. Frames of some megabytes come and go all the time; the C library otherwise gives each back to the system,
 * whose pages then are cleared and mapped anew: a sixth of the processor time of restoring large files. Does nothing where the C library is another.
 */
export function keepFreedMemory(): void {
  tune({ mmapThreshold: 32 * 1024 * 1024, trimThreshold: 32 * 1024 * 1024 })
}

/**
 * Has this process give memory back that it does not use. Buffers of many sizes that come and go, as on their way to a server, otherwise stay in the C library's arenas: it takes them
 * for something that will be needed again, and up to half of a process was that. Costs page faults. To be called before threads are started; does nothing where the C library is another.
 */
export function giveFreedMemoryBack(): void {
  tune({ arenaMax: 2, mmapThreshold: 64 * 1024 })
}

function tune(values: Partial<Record<keyof typeof parameters, number>>): void {
  if (process.platform !== 'linux') return
  try {
    const mallopt = koffi.load('libc.so.6').func('int mallopt(int parameter, int value)') as (parameter: number, value: number) => number
    for (const [name, value] of Object.entries(values)) mallopt(parameters[name as keyof typeof parameters], value)
  } catch {
    // Another C library has no such arenas.
  }
}
