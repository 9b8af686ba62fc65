/** Where results go. Whoever writes waits while the reader is behind, and for nothing once there is none. */
export type StandardOutput = (text: string | Uint8Array) => Promise<void>

/** @param onReaderGone called once when nobody reads any more; from then on what is written is dropped */
export function createStandardOutput(stream: NodeJS.WriteStream, onReaderGone: () => void): StandardOutput {
  let gone = false
  let room: PromiseWithResolvers<void> | null = null

  function goOn(): void {
    room?.resolve()
    room = null
  }

  stream.on('drain', goOn)
  stream.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') throw error
    if (gone) return
    gone = true
    goOn()
    onReaderGone()
  })
  return (text) => {
    if (gone || stream.write(text)) return Promise.resolve()
    room ??= Promise.withResolvers()
    return room.promise
  }
}
