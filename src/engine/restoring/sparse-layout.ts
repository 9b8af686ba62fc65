import type { TarMember } from '../formats/archive-v1/tar-header.ts'

/** Where the data of a sparse file goes. */
export type SparseLayout = NonNullable<TarMember['sparse']>

/** Lays the data of a sparse file, which comes without its holes, to its places. @returns what takes the data, in order and in any pieces */
export function spread(layout: SparseLayout, put: (bytes: Uint8Array, offset: number) => void): (bytes: Uint8Array) => void {
  let segment = 0
  let within = 0
  return (bytes) => {
    for (let done = 0; done < bytes.byteLength;) {
      const [offset, length] = layout.map[segment]!
      const piece = bytes.subarray(done, done + length - within)
      put(piece, offset + within)
      done += piece.byteLength
      within += piece.byteLength
      if (within < length) continue
      segment += 1
      within = 0
    }
  }
}

const holeChunkBytes = 64 * 1024

/** The whole content from the data: holes as the zeros they read as. */
export function filled(
  layout: SparseLayout,
  take: (bytes: Uint8Array) => Promise<void> | void,
): { take(bytes: Uint8Array): Promise<void>; end(): Promise<void> } {
  let position = 0
  const pieces: { bytes: Uint8Array; offset: number }[] = []
  const lay = spread(layout, (bytes, offset) => void pieces.push({ bytes, offset }))
  async function fillTo(offset: number): Promise<void> {
    while (position < offset) {
      const bytes = new Uint8Array(Math.min(holeChunkBytes, offset - position))
      position += bytes.byteLength
      await take(bytes)
    }
  }
  return {
    async take(data) {
      lay(data)
      for (const { bytes, offset } of pieces.splice(0)) {
        await fillTo(offset)
        await take(bytes)
        position = offset + bytes.byteLength
      }
    },
    end: () => fillTo(layout.realSizeBytes),
  }
}
