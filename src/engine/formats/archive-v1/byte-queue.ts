/** A stream of chunks, read in pieces of the reader's own size. Nothing is read ahead beyond the chunk a piece ends in. */
export interface ByteQueue {
  /** how many bytes were taken so far */
  readonly position: number
  /** The bytes at hand, not taken: at least `count`, or all that are left before the source's end. */
  peek(count: number): Promise<Buffer>
  /** Takes at most `max` bytes as they come, as a view into the source's chunk; none at the end. */
  take(max: number): Promise<Buffer | undefined>
  /** Takes `count` bytes and forgets them. Resolves to false when the source ends before. */
  skip(count: number): Promise<boolean>
  /** Tells the source that no more will be read. */
  close(): Promise<void>
}

export function createByteQueue(source: AsyncIterable<Uint8Array>): ByteQueue {
  const iterator = source[Symbol.asyncIterator]()
  let atHand: Buffer = Buffer.alloc(0)
  let position = 0
  let hasEnded = false

  async function nextChunk(): Promise<Buffer | undefined> {
    while (!hasEnded) {
      const next = await iterator.next()
      if (next.done === true) hasEnded = true
      else if (next.value.length > 0) return Buffer.from(next.value.buffer, next.value.byteOffset, next.value.byteLength)
    }
    return undefined
  }

  function consume(count: number): Buffer {
    const taken = atHand.subarray(0, count)
    atHand = atHand.subarray(count)
    position += count
    return taken
  }

  async function take(max: number): Promise<Buffer | undefined> {
    if (atHand.length === 0) atHand = (await nextChunk()) ?? atHand
    return atHand.length === 0 ? undefined : consume(Math.min(max, atHand.length))
  }

  return {
    get position() {
      return position
    },
    async peek(count) {
      if (atHand.length >= count || hasEnded) return atHand
      // One copy into a buffer of the right size, however small the chunks are.
      let filled = atHand.length
      let gathered = Buffer.allocUnsafe(Math.max(count, filled))
      atHand.copy(gathered)
      while (filled < count) {
        const chunk = await nextChunk()
        if (chunk === undefined) break
        if (filled + chunk.length > gathered.length) gathered = Buffer.concat([gathered.subarray(0, filled), chunk])
        else chunk.copy(gathered, filled)
        filled += chunk.length
      }
      atHand = gathered.subarray(0, filled)
      return atHand
    },
    take,
    async skip(count) {
      for (let left = count; left > 0;) {
        const taken = await take(left)
        if (taken === undefined) return false
        left -= taken.length
      }
      return true
    },
    async close() {
      hasEnded = true
      await iterator.return?.()
    },
  }
}
