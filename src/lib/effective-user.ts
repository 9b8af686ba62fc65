import koffi from 'koffi'

/** Numbers of capabilities(7). */
const dacOverride = 1
const dacReadSearch = 2
/** _LINUX_CAPABILITY_VERSION_3 of linux/capability.h */
const version3 = 0x20080522

/**
 * Runs `work` as another user, where this process may: as root. What it makes is that user's, and it writes only where that user may; but the way to a file and its bytes are
 * not closed to it, as they may be to the owner of a file in somebody else's directory. It is the whole process that is that user meanwhile, so nothing else may be under
 * way in it. Elsewhere `work` runs as it is.
 */
export function asUser<T>(user: { uid: number; gid: number }, work: () => T): T {
  const { geteuid, getegid, seteuid, setegid } = process
  if (geteuid === undefined || getegid === undefined || seteuid === undefined || setegid === undefined) return work()
  if (geteuid() !== 0 || user.uid === 0) return work()
  const gid = getegid()
  // The group first: without root's rights it cannot be changed.
  setegid(user.gid)
  try {
    seteuid(user.uid)
    try {
      keepReading()
      return work()
    } finally {
      seteuid(0)
    }
  } finally {
    setegid(gid)
  }
}

/** Takes one of root's capabilities back, of this thread, until it is root again. */
function keepReading(): void {
  if (process.platform !== 'linux') return
  const libc = koffi.load('libc.so.6')
  const capget = libc.func('int capget(void *header, _Out_ void *data)')
  const capset = libc.func('int capset(void *header, void *data)')
  const header = new Uint32Array([version3, 0])
  // Effective, permitted and inheritable, for numbers below 32 and then for those above.
  const data = new Uint32Array(6)
  if (capget(header, data) !== 0) return
  // In a container there may be only the one that lets us write, too.
  const mine = [dacReadSearch, dacOverride].find((capability) => (data[1]! & (1 << capability)) !== 0)
  if (mine === undefined) return
  data[0]! |= 1 << mine
  capset(header, data)
}
