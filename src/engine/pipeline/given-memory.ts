/**
 * The memory of chunks that were given away, freed as soon as all of a chunk's bytes are done with. The collector would do it in the end; but megabytes hanging on
 * small objects make it look through the whole heap several times a second, and meanwhile they pile up.
 */
export interface GivenMemory {
  given(chunk: Uint8Array): void
  /** A chunk that was given, or a slice of one; others are left alone. */
  done(slice: Uint8Array): void
}

export function createGivenMemory(): GivenMemory {
  const bytesLeft = new WeakMap<ArrayBufferLike, number>()
  return {
    given({ buffer, byteLength }) {
      bytesLeft.set(buffer, byteLength)
    },
    done(slice) {
      const left = bytesLeft.get(slice.buffer)
      if (left === undefined) return
      bytesLeft.set(slice.buffer, left - slice.byteLength)
      if (left === slice.byteLength) freeChunk(slice)
    },
  }
}

/** Frees the buffer of a chunk at once, unless it lies beside others in Node's pool. */
export function freeChunk({ buffer }: Uint8Array): void {
  if (buffer instanceof ArrayBuffer && buffer.byteLength > Buffer.poolSize) buffer.transfer(0)
}
