import type { Socket } from 'node:net'

/**
 * From now on what is written to the socket in one turn of the event loop goes out by one system call. For a protocol of many small packets, each written by itself: most of the
 * time went into these calls.
 */
export function gatherWrites(socket: Socket): void {
  const write = socket.write.bind(socket) as (...given: unknown[]) => boolean
  let gathers = false
  socket.write = (...given: unknown[]) => {
    if (!gathers) {
      gathers = true
      socket.cork()
      setImmediate(() => {
        gathers = false
        socket.uncork()
      })
    }
    return write(...given)
  }
}
