/** One writer, one reader, and no more than `highWaterBytes` between them. */
export interface ByteChannel extends AsyncIterable<Uint8Array> {
  /** Waits while the reader is behind. @throws what `fail` was given */
  write(chunk: Uint8Array): Promise<void>
  end(): void
  /** Ends both sides with an error. */
  fail(error: unknown): void
}

export function createByteChannel(highWaterBytes: number): ByteChannel {
  const chunks: Uint8Array[] = []
  let heldBytes = 0
  let ended = false
  let failure: { error: unknown } | null = null
  let wakeReader: (() => void) | null = null
  let wakeWriter: (() => void) | null = null

  const wakeBoth = () => {
    wakeReader?.()
    wakeWriter?.()
    wakeReader = wakeWriter = null
  }

  async function* read(): AsyncGenerator<Uint8Array> {
    for (;;) {
      if (failure !== null) throw failure.error
      const chunk = chunks.shift()
      if (chunk !== undefined) {
        heldBytes -= chunk.byteLength
        wakeWriter?.()
        wakeWriter = null
        yield chunk
      } else if (ended) {
        return
      } else {
        await new Promise<void>((resolve) => (wakeReader = resolve))
      }
    }
  }

  return {
    async write(chunk) {
      if (failure !== null) throw failure.error
      chunks.push(chunk)
      heldBytes += chunk.byteLength
      wakeReader?.()
      wakeReader = null
      while (heldBytes > highWaterBytes && failure === null) await new Promise<void>((resolve) => (wakeWriter = resolve))
      if (failure !== null) throw (failure as { error: unknown }).error
    },
    end() {
      ended = true
      wakeBoth()
    },
    fail(error) {
      failure ??= { error }
      wakeBoth()
    },
    [Symbol.asyncIterator]: read,
  }
}
